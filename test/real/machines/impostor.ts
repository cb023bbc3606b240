import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Server, type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { makeKeyPair } from "./key-pair.js";

/** What somebody handed to a machine that is not theirs. */
export interface Caught {
  /** Connections that began. One that trusts only the right key ends before it says who it is. */
  readonly connections: number;
  /** Who wanted in. */
  readonly users: readonly string[];
  /** Passwords that were offered, in clear. */
  readonly passwords: readonly string[];
  /** Command lines that were to be run. */
  readonly commands: readonly string[];
  /** Whatever was written to those commands, or in files over SFTP. */
  readonly data: string;
}

/** An SSH server that stands where a machine should: it has a key of its own, lets everybody in, and keeps what it gets. */
export interface Impostor {
  readonly address: string;
  readonly port: number;
  /** Its own key, as in a known_hosts file without the name. */
  readonly hostKey: string;
  /** What it got up to now. */
  caught(): Caught;
  stop(): Promise<void>;
}

/** @param at where it listens: by default a free loopback port */
export async function startImpostor(at: { address?: string; port?: number } = {}): Promise<Impostor> {
  const { private: privateKey, public: hostKey } = makeKeyPair();
  const got = { connections: 0, users: [] as string[], passwords: [] as string[], commands: [] as string[], data: "" };
  const open = new Set<Connection>();
  const server = new Server({ hostKeys: [privateKey] }, (client) => {
    got.connections++;
    open.add(client);
    client.on("error", () => undefined); // a client that mistrusts the key goes without a word
    client.on("close", () => open.delete(client));
    client.on("authentication", (attempt) => letIn(attempt, got));
    client.on("session", (accept) => {
      const session = accept();
      const take = (channel: ServerChannel): void => {
        channel.setEncoding("utf8").on("data", (text: string) => (got.data += text));
        channel.on("end", () => {
          channel.exit(0);
          channel.end();
        });
      };
      session.on("exec", (acceptExec, _reject, { command }) => {
        got.commands.push(command);
        take(acceptExec());
      });
      session.on("shell", (acceptShell) => take(acceptShell()));
      session.on("env", (acceptEnv, _reject, { key, val }) => {
        got.data += `${key}=${val}\n`;
        acceptEnv?.();
      });
      session.on("sftp", (acceptSftp) => {
        const sftp = acceptSftp();
        const ok = (id: number): void => sftp.status(id, 0);
        sftp.on("OPEN", (id, path) => {
          got.data += `${path}\n`;
          sftp.handle(id, Buffer.from("file"));
        });
        sftp.on("WRITE", (id, _handle, _offset, bytes) => {
          got.data += bytes.toString("utf8");
          ok(id);
        });
        for (const request of ["CLOSE", "MKDIR", "FSETSTAT", "SETSTAT"] as const)
          sftp.on(request, (id: number) => ok(id));
        for (const request of ["STAT", "LSTAT"] as const) sftp.on(request, (id: number) => sftp.status(id, 2));
      });
    });
  });
  server.listen(at.port ?? 0, at.address ?? "127.0.0.1");
  await once(server, "listening");
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    hostKey: hostKey.trim(),
    caught: () => structuredClone(got),
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const client of open) client.end();
      await closed;
    },
  };
}

/** Everybody is let in; a password is asked for first, so that whoever has one says it. */
function letIn(attempt: AuthContext, got: { users: string[]; passwords: string[] }): void {
  if (!got.users.includes(attempt.username)) got.users.push(attempt.username);
  if (attempt.method === "none") return attempt.reject(["password", "publickey", "keyboard-interactive"]);
  if (attempt.method === "password") got.passwords.push(attempt.password);
  attempt.accept();
}
