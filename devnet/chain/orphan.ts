import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../system/clock.js";
import { readIfPresent, writeAtomically } from "../../system/files.js";
import { isAlive, runProcess } from "../../system/process.js";

/**
 * A geth outlives the process that started it when that one is killed, and keeps its folder locked. So its id rests beside the data, and the next
 * start stops what is left, after making sure that the id still belongs to a geth of this folder.
 */
export const recordOwner = (dir: string, pid: number): Promise<void> =>
  writeAtomically(join(dir, "geth.pid"), String(pid), "private");

/** Stops the geth that an earlier, killed process left running on this folder; does nothing when there is none. */
export async function stopOrphan(dir: string, clock: Clock): Promise<void> {
  const pid = Number(await readIfPresent(join(dir, "geth.pid")));
  if (!Number.isSafeInteger(pid) || pid <= 0 || !(await runsOn(pid, dir))) return;
  process.kill(pid, "SIGTERM");
  const end = clock.now() + 15_000;
  // One that is just ending has let go of its command line, and not yet of its files: only a kill has to know whose process it is.
  while (isAlive(pid)) {
    if (clock.now() > end) {
      if (!(await runsOn(pid, dir))) return;
      process.kill(pid, "SIGKILL");
    }
    await clock.sleep(50);
  }
}

/** Whether the process is a program that was given this folder's data. */
async function runsOn(pid: number, dir: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  return (await commandLine(pid)).includes(join(dir, "data"));
}

const commandLine = (pid: number): Promise<string> =>
  readFile(`/proc/${pid}/cmdline`, "utf8").catch(() =>
    runProcess("ps", ["-o", "command=", "-p", String(pid)], { env: { PATH: "/usr/bin:/bin" } }).then(
      ({ stdout }) => stdout,
      () => "",
    ),
  );
