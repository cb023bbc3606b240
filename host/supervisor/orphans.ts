import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, writeAtomically } from "../../system/files.js";
import { isAlive } from "../../system/process.js";
import type { Clock } from "../../system/clock.js";
import { killGroup } from "./run-unit.js";

/*
 * A supervisor that is killed leaves its programs running. Each start is written down with the process's start time, so that the next
 * supervisor finds exactly those and not a stranger that got the same number.
 */

/** Writes down that `pid` runs the unit. */
export async function rememberChild(pidFolder: string, unit: string, pid: number): Promise<void> {
  await writeAtomically(join(pidFolder, unit), `${pid} ${(await startedAt(pid)) ?? ""}`, "private");
}
/** A child that has ended is no orphan. */
export const forgetChild = (pidFolder: string, unit: string): Promise<void> =>
  rm(join(pidFolder, unit), { force: true });

/** Stops every program that a former supervisor left, and waits until each is gone. */
export async function stopOrphans(pidFolder: string, graceMs: number, clock: Clock): Promise<void> {
  await Promise.all(
    (await readdir(pidFolder)).map(async (unit) => {
      const [pid, started] = (await readFile(join(pidFolder, unit), "utf8")).split(" ");
      const number = Number(pid);
      if (started !== "" && (await startedAt(number)) === started) await end(number, graceMs, clock);
      await forgetChild(pidFolder, unit);
    }),
  );
}

async function end(pid: number, graceMs: number, clock: Clock): Promise<void> {
  signal(pid, "SIGTERM");
  for (const deadline = clock.now() + graceMs; isAlive(pid) && clock.now() < deadline;) await clock.sleep(50);
  if (isAlive(pid)) signal(pid, "SIGKILL");
  while (isAlive(pid)) await clock.sleep(20);
  killGroup(pid);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

/** Field 22 of /proc/PID/stat (proc(5)): clock ticks from boot to the process's start. `undefined` when there is no such process. */
async function startedAt(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
