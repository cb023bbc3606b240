import { spawn, type ChildProcess } from "node:child_process";
import { openSync, closeSync } from "node:fs";
import { appendFile, readFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import { openSealedForHost } from "../../keystore/sealing.js";
import { FleetError } from "../../schema/errors.js";
import { isErrno } from "../../system/files.js";
import { stopProcess } from "../../system/process.js";
import { readHostKey } from "../host-key.js";
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

/** Starts a unit's program. Rejects when it cannot be started. */
export type RunUnit = (unit: Unit) => Promise<RunningProgram>;

/**
 * Starts a unit's program. Its secret, if it has one, is opened now and written to its descriptor 3, which is then closed: it is in no argument,
 * environment or file.
 */
export const runUnit: RunUnit = async (unit) => {
  const [file, ...args] = unit.command;
  if (file === undefined) throw new Error(`unit ${unit.name} has no command`);
  const secret = unit.secret === null ? undefined : await openSecret(unit.secret).catch(saidInLog(unit));
  const log = openSync(unit.log, "a", 0o600);
  let child: ChildProcess;
  try {
    child = spawn(file, args, {
      cwd: unit.folder,
      env: unit.environment,
      stdio: ["ignore", log, log, secret === undefined ? "ignore" : "pipe"],
      detached: true, // its own group, so that a terminal's Ctrl-C is not the program's
    });
  } finally {
    closeSync(log);
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
const saidInLog =
  ({ log }: Unit) =>
  async (error: unknown): Promise<never> => {
    if (error instanceof FleetError) {
      const { code, summary: msg, fix } = error;
      await appendFile(log, `${JSON.stringify({ level: "fatal", code, fix, msg })}\n`, { mode: 0o600 });
    }
    throw error;
  };

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
