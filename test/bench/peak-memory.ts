import { readdir, readFile } from "node:fs/promises";
import { systemClock } from "../../system/clock.js";

/** What is told apart of what the engine starts, by their command lines. */
const processes = {
  engine: /(^|\/)pulumi\0/,
  program: /@pulumi\/pulumi\/cmd\/run(\/|\0)/,
  dynamicProvider: /@pulumi\/pulumi\/cmd\/dynamic-provider(\/|\0)/,
} as const;
type Which = keyof typeof processes;

/** The most that each kind of process held at a time (MiB, resident), and how many of the kind there were. */
export type PeakMemory = Readonly<Record<Which, { readonly mib: number; readonly count: number }>>;

/** A process' peak is looked at until it ends; the system itself keeps it. */
const everyMs = 25;

/** Runs something, and looks at what it starts. @returns `undefined` where there is no `/proc` */
export async function peakMemoryOf(work: () => Promise<unknown>): Promise<PeakMemory | undefined> {
  if (process.platform !== "linux") {
    await work();
    return undefined;
  }
  const peaks = new Map<number, { readonly which: Which; mib: number }>();
  let isOver = false;
  const looking = (async () => {
    for (; !isOver; await systemClock.sleep(everyMs))
      for (const pid of await below(process.pid)) {
        const which = peaks.get(pid)?.which ?? (await whichIs(pid));
        if (which !== undefined) peaks.set(pid, { which, mib: Math.max(await peakOf(pid), peaks.get(pid)?.mib ?? 0) });
      }
  })();
  await work().finally(() => (isOver = true));
  await looking;
  const of = (which: Which) => {
    const found = [...peaks.values()].filter((one) => one.which === which);
    return { mib: Math.max(...found.map(({ mib }) => mib)), count: found.length };
  };
  return { engine: of("engine"), program: of("program"), dynamicProvider: of("dynamicProvider") };
}

/** All that a process started, and what those started. */
async function below(root: number): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 0);
  const parents = new Map(await Promise.all(pids.map(async (pid) => [pid, await parentOf(pid)] as const)));
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return pids.filter(isBelow);
}

/** A process may end while it is looked at. */
const read = (pid: number, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");

const parentOf = async (pid: number): Promise<number | undefined> => {
  const parent = /\) \S (\d+) /.exec(await read(pid, "stat"))?.[1];
  return parent === undefined ? undefined : Number(parent);
};

const peakOf = async (pid: number): Promise<number> =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(await read(pid, "status"))?.[1] ?? 0) / 1_024;

async function whichIs(pid: number): Promise<Which | undefined> {
  const line = await read(pid, "cmdline");
  return (Object.keys(processes) as Which[]).find((which) => processes[which].test(line));
}
