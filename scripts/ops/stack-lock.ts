import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { isErrno } from "../../system/files.js";
import { isAlive } from "../../system/process.js";

/** A lock as the engine writes it for backends that are a folder or a bucket. */
const lockSchema = z.looseObject({
  pid: z.number().int().positive(),
  username: z.string(),
  hostname: z.string(),
  timestamp: z.iso.datetime({ offset: true }),
});
export type StackLock = z.infer<typeof lockSchema>;

/** What this machine knows of processes; a parameter so that the judgement is pure. */
export interface Machine {
  readonly hostname: string;
  /** The program's name of a running process; `undefined` when there is none. */
  programOf(pid: number): string | undefined;
}

/** Whether whoever took a lock still works: known only for this machine's own processes. Process numbers come again, so the program's name counts too. Pure. */
export function holderOf(lock: StackLock, machine: Machine): "alive" | "dead" | "elsewhere" {
  if (lock.hostname !== machine.hostname) return "elsewhere";
  return machine.programOf(lock.pid)?.includes("pulumi") === true ? "alive" : "dead";
}

/** A lock's holder, for a person. */
export const describeHolder = ({ pid, username, hostname, timestamp }: StackLock): string =>
  `process ${pid} of ${username}@${hostname}, since ${timestamp.replace(/\.\d+/, "")}`;

/** This machine as it is. */
export const thisMachine = (programOf: (pid: number) => string | undefined): Machine => ({
  hostname: hostname(),
  programOf: (pid) => (isAlive(pid) ? programOf(pid) : undefined),
});

/**
 * The locks of one stack in a folder backend. Other backends keep theirs where they cannot be listed: none are found, and the engine itself says so when
 * there is one.
 */
export async function locksOf(backend: string, project: string, stack: string): Promise<StackLock[]> {
  if (!backend.startsWith("file://")) return [];
  const folder = join(fileURLToPath(backend), ".pulumi", "locks", "organization", project, stack);
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
    return texts.map((text) => lockSchema.parse(JSON.parse(text)));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
