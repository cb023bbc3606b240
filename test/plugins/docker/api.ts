import { readFileSync } from "node:fs";
import { join } from "node:path";
import Docker from "dockerode";
import type { Properties } from "../engine/values.js";
import { SshStreams } from "./ssh-streams.js";

let engine: Docker | undefined;

/** Takes the provider's configuration: `host`, and `certPath` for one over TLS. */
export function configure(config: Properties): void {
  const host = typeof config["host"] === "string" ? config["host"] : "unix:///var/run/docker.sock";
  const { protocol, pathname, hostname, port } = new URL(host);
  if (protocol === "unix:") engine = new Docker({ socketPath: pathname });
  else if (protocol === "tcp:" && typeof config["certPath"] === "string") {
    const file = (name: string): Buffer => readFileSync(join(String(config["certPath"]), name));
    engine = new Docker({
      ...{ protocol: "https", host: hostname, port },
      ...{ ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") },
    });
  } else if (protocol === "ssh:")
    engine = new Docker({ protocol: "http", host: "docker", agent: new SshStreams(host) } as Docker.DockerOptions);
  else throw new Error(`${host} is no engine that this stand-in can reach`);
}

/** The engine that the provider was configured for. */
export function docker(): Docker {
  if (engine === undefined) throw new Error("the provider was not configured");
  return engine;
}

/** What an object of the engine's says of itself; `undefined` when there is none. */
export async function ifThere<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

/** `[{ label, value }]`, as the provider takes them, as the engine does. */
export const labelsOf = (given: unknown): Record<string, string> =>
  Object.fromEntries(
    ((given as { label: string; value: string }[] | undefined) ?? []).map(({ label, value }) => [label, value]),
  );
