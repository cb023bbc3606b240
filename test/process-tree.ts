import { readdir, readFile } from "node:fs/promises";

/** All that a process started, and what those started. */
export async function below(root: number): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const parents = new Map(await Promise.all(pids.map(async (pid) => [pid, await parentOf(pid)] as const)));
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return pids.filter(isBelow);
}

/** What the kernel tells of a process; empty where it has ended meanwhile. */
export const readProcess = (pid: number, file: string): Promise<string> =>
  readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");

const parentOf = async (pid: number): Promise<number | undefined> => {
  const parent = /\) \S (\d+) /.exec(await readProcess(pid, "stat"))?.[1];
  return parent === undefined ? undefined : Number(parent);
};
