import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What an instance is told about itself, by path below `/latest/`. What is `undefined` is not there, and answered with 404. */
export type Facts = (path: string) => Promise<string | undefined>;

/** An instance's metadata, at a loopback port instead of the link-local address: machines share this computer's network. */
export interface Metadata {
  /** For `AWS_EC2_METADATA_SERVICE_ENDPOINT`. */
  readonly endpoint: string;
  stop(): void;
}

/** Serves metadata as version 2 of the service does: for a token, and 401 without. */
export async function serveMetadata(facts: Facts): Promise<Metadata> {
  const tokens = new Map<string, number>();
  const isValid = (token: unknown): boolean => typeof token === "string" && Date.now() < (tokens.get(token) ?? 0);

  async function serve({ method, url = "/", headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url === "/latest/api/token") {
      const seconds = Number(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
      if (method !== "PUT") return void response.writeHead(405).end();
      if (!(seconds >= 1 && seconds <= 21_600)) return void response.writeHead(400).end();
      const token = randomUUID();
      tokens.set(token, Date.now() + seconds * 1_000);
      return void response.end(token);
    }
    if (!isValid(headers["x-aws-ec2-metadata-token"])) return void response.writeHead(401).end();
    const fact = await facts(url.replace(/^\/latest\//, "").replace(/\/$/, ""));
    response.writeHead(fact === undefined ? 404 : 200, { "content-type": "text/plain" }).end(fact);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
