import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { StatedWay } from "../../../components/host/ssh/reference.js";
import { freePort } from "../../../system/net.js";
import { runProcess, startProcess, stopProcess } from "../../../system/process.js";
import { until } from "../host/world.js";
import { makeKeyPair } from "../machines/key-pair.js";

const program = "/usr/sbin/sshd";

/** Why no OpenSSH server of our own can be started here, or `undefined` when it can. */
export const whyNoSshd = (): string | undefined => (existsSync(program) ? undefined : `there is no ${program}`);

/** A real OpenSSH server on a loopback port, with its own keys and configuration: it lets this very user in with one key. */
export interface Sshd {
  readonly port: number;
  readonly hostKey: string;
  /** Path of the private key that it lets in. */
  readonly keyFile: string;
  readonly folder: string;
  /** The way to it, by that key. */
  readonly way: StatedWay;
  /** What it has logged. */
  log(): Promise<string>;
  /** Ends it and every session, as a machine that loses its power. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Gives it another key, as a machine that was set up anew. It is to be stopped meanwhile. @returns the new key */
  rebuild(): Promise<string>;
  /** Stops it, and removes everything of it. */
  end(): Promise<void>;
}

export interface SshdOptions {
  /** Further lines of its configuration. */
  readonly config?: readonly string[];
  /** Another one whose client key it lets in too. */
  readonly friend?: Sshd;
}

/** Starts one. The folder holds everything of it. */
export async function startSshd({ config = [], friend }: SshdOptions = {}): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), "lf-sshd-"));
  await chmod(folder, 0o700);
  let port = await freePort();
  const file = (name: string): string => join(folder, name);
  const hostKey = await writeKeyPair(file("host-key"));
  const own = await writeKeyPair(file("client-key"));
  const keyFile = friend?.keyFile ?? file("client-key");
  const allowed = friend === undefined ? own : await readFile(`${friend.keyFile}.pub`, "utf8");
  await writeFile(file("authorized_keys"), `${allowed.trim()}\n`, { mode: 0o600 });
  const settings = (): string =>
    [
      ...config, // of a setting that comes twice, OpenSSH takes the first
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${file("host-key")}`,
      `AuthorizedKeysFile ${file("authorized_keys")}`,
      "StrictModes no",
      "UsePAM no",
      "PasswordAuthentication no",
      "PermitRootLogin prohibit-password",
      `PidFile ${file("pid")}`,
      "Subsystem sftp internal-sftp",
      "LogLevel VERBOSE",
      "MaxStartups 100",
      `SetEnv HOME=${folder}`, // the shell would read its user's settings there
      "",
    ].join("\n");
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 }).catch(() => undefined); // OpenSSH's own, needed by root's
  let child: ReturnType<typeof startProcess> | undefined;
  /** @returns whether it has its port: one that was free may be somebody else's a moment later */
  const launch = async (): Promise<boolean> => {
    await rm(file("log"), { force: true });
    await writeFile(file("config"), settings());
    child = startProcess(program, ["-D", "-f", file("config"), "-E", file("log")]);
    await until(async () => /Server listening|Cannot bind/.test(await log()), "sshd's start");
    return !(await log()).includes("Cannot bind");
  };
  const start = async (): Promise<void> => {
    if (!(await launch())) throw new Error(`port ${port} has been taken meanwhile`);
  };
  const log = (): Promise<string> => readFile(file("log"), "utf8").catch(() => "");
  const stop = async (): Promise<void> => {
    if (child !== undefined) {
      const sessions = (await runProcess("pgrep", ["-P", String(child.pid)])).stdout.split("\n").filter(Boolean);
      await stopProcess(child);
      for (const pid of sessions) killIfThere(Number(pid));
    }
    child = undefined;
  };
  while (!(await launch())) port = await freePort();
  const server = { address: "127.0.0.1", port, user: userInfo().username, hostKey };
  return {
    ...{ port, hostKey, keyFile, folder, log, start },
    way: { server, bastion: null, identity: { keyFile }, sudo: "none", bootMs: 20_000 },
    stop,
    rebuild: () => writeKeyPair(file("host-key")),
    end: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Writes a key pair as `ssh-keygen` would. @returns the public half */
export async function writeKeyPair(path: string, passphrase?: string): Promise<string> {
  const pair = makeKeyPair(passphrase);
  await writeFile(path, pair.private, { mode: 0o600 });
  await writeFile(`${path}.pub`, `${pair.public}\n`);
  return pair.public;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
}
