import { z } from "zod";

/**
 * Which Docker engine: by its socket on this machine, over SSH as the `docker` program does it (the user's own `ssh`, its agent, its known hosts), or over TLS with
 * the certificates of a folder (`ca.pem`, `cert.pem`, `key.pem`). Nothing in it is secret.
 */
export const dockerEngineSchema = z.union([
  z.strictObject({ socket: z.string().startsWith("/", "an absolute path") }),
  z.strictObject({
    ssh: z
      .string()
      .regex(
        /^ssh:\/\/([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9_.-]*(:\d{1,5})?$/,
        "an address such as ssh://user@host",
      ),
  }),
  z.strictObject({
    tcp: z.string().regex(/^[A-Za-z0-9[][A-Za-z0-9_.:\]-]*:\d{1,5}$/, "an address such as host:2376"),
    certFolder: z.string().startsWith("/", "an absolute path"),
  }),
]);
export type DockerEngine = z.infer<typeof dockerEngineSchema>;

/** The engine of this machine. */
export const localEngine: DockerEngine = { socket: "/var/run/docker.sock" };

/** The address of an engine the way `docker --host` and Pulumi's provider take it. Pure. */
export function engineAddress(engine: DockerEngine): string {
  if ("socket" in engine) return `unix://${engine.socket}`;
  return "ssh" in engine ? engine.ssh : `tcp://${engine.tcp}`;
}

/** What the `docker` program is told, so that it asks this engine and no other, whatever its own context is. Pure. */
export function engineFlags(engine: DockerEngine): string[] {
  const host = ["--host", engineAddress(engine)];
  if (!("tcp" in engine)) return host;
  const file = (name: string): string => `${engine.certFolder.replace(/\/$/, "")}/${name}`;
  return [
    ...host,
    "--tlsverify",
    ...["--tlscacert", file("ca.pem"), "--tlscert", file("cert.pem"), "--tlskey", file("key.pem")],
  ];
}

/** The same for Pulumi's provider, which reads the certificates itself. Pure. */
export const engineProvider = (engine: DockerEngine): { host: string; certPath?: string } => ({
  host: engineAddress(engine),
  ...("tcp" in engine ? { certPath: engine.certFolder } : {}),
});
