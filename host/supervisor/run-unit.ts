import { spawn, type ChildProcess } from "node:child_process";
import { openSync, closeSync } from "node:fs";
import { appendFile, readFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import { openSealedForHost } from "../../keystore/sealing.js";
import { FleetError } from "../../schema/errors.js";
import { isErrno } from "../../system/files.js";
import { stopProcess } from "../../system/process.js";
import { readHostKey } from "../host-key.js";
import { parsePasswd } from "../services/system-users.js";
import type { Unit } from "../services/unit.js";
import { sealedFileSchema } from "../sealed-file.js";

/** A unit's program while it runs. */
export interface RunningProgram {
  readonly pid: number;
  /** Its exit code once it has ended; `null` when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** SIGTERM, and SIGKILL after the grace (ms). Resolves when it is gone. */
  stop(graceMs: number): Promise<void>;
  /** Passes a signal on. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a unit's program. Rejects when it cannot be started.
 * @param output where its words go: the unit's log (default), or where those of this process go
 */
export type RunUnit = (unit: Unit, output?: "log" | "inherit") => Promise<RunningProgram>;

/**
 * Starts a unit's program. Its secret, if it has one, is opened now and written to its descriptor 3, which is then closed: it is in no argument,
 * environment or file. A unit's user is taken on where this process is root.
 */
export const runUnit: RunUnit = async (unit, output = "log") => {
  const [file, ...args] = unit.command;
  if (file === undefined) throw new Error(`unit ${unit.name} has no command`);
  const secret = unit.secret === null ? undefined : await openSecret(unit.secret).catch(saidIn(output, unit));
  const identity = unit.user === undefined || process.getuid?.() !== 0 ? {} : await identityOf(unit.user);
  const log = output === "log" ? openSync(unit.log, "a", 0o600) : undefined;
  let child: ChildProcess;
  try {
    child = spawn(file, args, {
      cwd: unit.folder,
      env: unit.environment,
      ...identity,
      stdio: ["ignore", log ?? "inherit", log ?? "inherit", secret === undefined ? "ignore" : "pipe"],
      detached: true, // its own group, so that a terminal's Ctrl-C is not the program's
    });
  } finally {
    if (log !== undefined) closeSync(log);
  }
  // Nothing is awaited from spawn to here: a program that ends at once, or never started, must not be missed.
  const failed = new Promise<Error>((resolve) => child.on("error", resolve));
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  if (secret !== undefined) handOver(child, secret);
  const { pid } = child;
  if (pid === undefined) throw await failed;
  return {
    pid,
    ended: ended.then((code) => {
      killGroup(pid);
      return code;
    }),
    stop: (graceMs) => stopProcess(child, graceMs),
    kill: (signal) => void child.kill(signal),
  };
};

/** Kills what a program that has ended left of its process group, as systemd's `KillMode=mixed` does: a model runner would keep the GPU's memory. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH") && !isErrno(error, "EPERM")) throw error;
  }
}

/** Whoever looks for the program's last word finds why it never ran. */
const saidIn =
  (output: "log" | "inherit", { log }: Unit) =>
  async (error: unknown): Promise<never> => {
    if (error instanceof FleetError) {
      const { code, summary: msg, fix } = error;
      const line = `${JSON.stringify({ level: "fatal", code, fix, msg })}\n`;
      if (output === "log") await appendFile(log, line, { mode: 0o600 });
      else process.stderr.write(line);
    }
    throw error;
  };

async function identityOf(user: string): Promise<{ uid: number; gid: number }> {
  const found = parsePasswd(await readFile("/etc/passwd", "utf8")).find(({ name }) => name === user);
  if (found === undefined) throw new Error(`there is no user ${user}`);
  return { uid: found.uid, gid: found.gid };
}

async function openSecret(secret: NonNullable<Unit["secret"]>): Promise<Uint8Array> {
  const key = await readHostKey(secret.hostKey);
  try {
    const { address, sealed } = sealedFileSchema.parse(JSON.parse(await readFile(secret.sealed, "utf8")));
    return openSealedForHost(key, { host: secret.host, address }, sealed).payload;
  } finally {
    key.fill(0);
  }
}

/** Writes the secret and forgets it. A program that ends before it has read says so by its exit. */
function handOver(child: ChildProcess, secret: Uint8Array): void {
  const pipe = child.stdio[3] as Writable | null | undefined;
  const forget = (): void => void secret.fill(0);
  if (pipe == null) return forget();
  pipe.on("error", forget);
  pipe.end(secret, forget);
}
