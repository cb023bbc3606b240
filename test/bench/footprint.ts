import { below, readProcess } from "../process-tree.js";
import { systemClock } from "../../system/clock.js";

/** What is told apart of what the engine starts, by their command lines. */
const processes = {
  engine: /(^|\/)pulumi\0/,
  program: /@pulumi\/pulumi\/cmd\/run(\/|\0)/,
  dynamicProvider: /@pulumi\/pulumi\/cmd\/dynamic-provider(\/|\0)/,
} as const;
type Which = keyof typeof processes;

/** What a run takes of a machine, whatever else that does. */
export interface Footprint {
  /** The most that one process of each kind held at a time (MiB, resident). */
  readonly mib: Readonly<Record<Which, number>>;
  /** What all processes computed, together (s). */
  readonly seconds: number;
}

/** The system keeps both; they are looked at until a process has ended. */
const everyMs = 25;
/** Of the times in `/proc/<pid>/stat`, on every Linux. */
const ticksPerSecond = 100;

/** Runs something, and looks at what it starts. @returns `undefined` where there is no `/proc` */
export async function footprintOf(work: () => Promise<unknown>): Promise<Footprint | undefined> {
  if (process.platform !== "linux") {
    await work();
    return undefined;
  }
  const others = new Set(await below(process.pid));
  const mib: Record<Which, number> = { engine: 0, program: 0, dynamicProvider: 0 };
  const seconds = new Map<number, number>();
  let isOver = false;
  const looking = (async () => {
    for (; !isOver; await systemClock.sleep(everyMs))
      for (const pid of await below(process.pid)) {
        if (others.has(pid)) continue;
        const which = await whichIs(pid);
        if (which !== undefined) mib[which] = Math.max(mib[which], await peakOf(pid));
        seconds.set(pid, Math.max(await secondsOf(pid), seconds.get(pid) ?? 0));
      }
  })();
  await work().finally(() => (isOver = true));
  await looking;
  return { mib, seconds: [...seconds.values()].reduce((sum, some) => sum + some, 0) };
}

/** In user and kernel mode: the 14th and 15th field, of which the second is a name in brackets. */
const secondsOf = async (pid: number): Promise<number> => {
  const fields = (await readProcess(pid, "stat")).split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
};

const peakOf = async (pid: number): Promise<number> =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(await readProcess(pid, "status"))?.[1] ?? 0) / 1_024;

async function whichIs(pid: number): Promise<Which | undefined> {
  const line = await readProcess(pid, "cmdline");
  return (Object.keys(processes) as Which[]).find((which) => processes[which].test(line));
}
