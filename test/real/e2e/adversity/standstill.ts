import { below } from "../../../process-tree.js";

/** Has a process, and all that it has started, stand still meanwhile: what is done in between has happened before whatever it does next. */
export async function atStandstill<T>(root: number, work: () => Promise<T>): Promise<T> {
  const stopped = new Set<number>();
  try {
    // One that was not stopped yet may have started another.
    for (let before = -1; before !== stopped.size;) {
      before = stopped.size;
      for (const pid of [root, ...(await below(root))])
        if (!stopped.has(pid) && signal(pid, "SIGSTOP")) stopped.add(pid);
    }
    return await work();
  } finally {
    for (const pid of stopped) signal(pid, "SIGCONT");
  }
}

/** @returns whether it was there to get it */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
