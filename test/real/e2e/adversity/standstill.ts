import { readdir, readFile } from "node:fs/promises";

/** Has a process, and all that it has started, stand still meanwhile: what is done in between has happened before whatever it does next. */
export async function atStandstill<T>(root: number, work: () => Promise<T>): Promise<T> {
  const stopped = new Set<number>();
  try {
    // One that was not stopped yet may have started another.
    for (let before = -1; before !== stopped.size;) {
      before = stopped.size;
      for (const pid of await familyOf(root)) if (!stopped.has(pid) && signal(pid, "SIGSTOP")) stopped.add(pid);
    }
    return await work();
  } finally {
    for (const pid of stopped) signal(pid, "SIGCONT");
  }
}

async function familyOf(root: number): Promise<number[]> {
  const children = new Map<number, number[]>();
  for (const name of (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry))) {
    // `pid (comm) state ppid …`; the name in the brackets may hold anything.
    const [, parent] = /^.*\) \S (\d+)/s.exec(await readFile(`/proc/${name}/stat`, "utf8").catch(() => "")) ?? [];
    if (parent !== undefined) children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)]);
  }
  const family = [root];
  for (const member of family) family.push(...(children.get(member) ?? []));
  return family;
}

/** @returns whether it was there to get it */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
