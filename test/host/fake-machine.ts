import { setImmediate as nextRound } from "node:timers/promises";
import type { Unit } from "../../host/services/unit.js";
import type { Notes } from "../../host/supervisor/notes.js";
import type { RunningProgram, RunUnit } from "../../host/supervisor/run-unit.js";
import type { Clock } from "../../system/clock.js";
import { createLogger } from "../../system/log.js";

/** A clock that moves when it is told to. */
export class ManualClock implements Clock {
  private time = 0;
  private readonly timers = new Set<{ at: number; fire: () => void }>();

  now(): number {
    return this.time;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const fire = (): void => {
        this.timers.delete(timer);
        resolve();
      };
      const timer = { at: this.time + ms, fire };
      this.timers.add(timer);
      signal?.addEventListener("abort", fire, { once: true });
    });
  }
  /** Lets time pass, and everything happen that is due meanwhile, in its order. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (await quiet(); ; await quiet()) {
      const next = [...this.timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.time = next.at;
      next.fire();
    }
    this.time = end;
  }
}

/** Everything that can go on without time passing has gone on. */
export async function quiet(): Promise<void> {
  for (let round = 0; round < 4; round++) await nextRound();
}

/** How a machine's programs behave. */
export interface Manners {
  /** From being run to being there (ms). Default 0. */
  startsInMs?: number;
  /** From SIGTERM to the end (ms); one that takes longer than its grace is killed. Default 0. */
  stopsInMs?: number;
  /** Cannot be started at all. Default false. */
  broken?: boolean;
}

interface Program extends RunningProgram {
  readonly unit: Unit;
  exit(code: number | null): void;
}

/** Programs that only exist here, and the notes of their supervisor. */
export class FakeMachine {
  readonly clock = new ManualClock();
  /** What happened, for instance `start a1`, `end a1`. */
  readonly events: string[] = [];
  /** Units that ran twice at the same time: what a supervisor must never do. */
  readonly twoAtOnce: string[] = [];
  readonly written = new Map<string, Unit>();
  manners: Manners = {};
  notesFail = false;
  private readonly programs = new Map<number, Program>();
  private lastPid = 5_000_000; // above any real one

  readonly run: RunUnit = async (unit) => {
    const { startsInMs = 0, stopsInMs = 0, broken = false } = this.manners;
    if (startsInMs > 0) await this.clock.sleep(startsInMs);
    if (broken) throw new Error(`no such program: ${unit.command.join(" ")}`);
    const twins = this.living(unit.name);
    if (twins.length > 0) this.twoAtOnce.push([...twins, unit].map(label).join(", "));
    const pid = ++this.lastPid;
    const { promise: ended, resolve } = Promise.withResolvers<number | null>();
    const exit = (code: number | null): void => {
      if (!this.programs.delete(pid)) return;
      this.events.push(`end ${label(unit)}`);
      resolve(code);
    };
    const stop = async (graceMs: number): Promise<void> => {
      if (this.programs.has(pid)) this.events.push(`stop ${label(unit)}`);
      await this.clock.sleep(Math.min(stopsInMs, graceMs));
      exit(stopsInMs > graceMs ? null : 0);
    };
    this.programs.set(pid, { unit, pid, ended, stop, exit, kill: () => undefined });
    this.events.push(`start ${label(unit)}`);
    return { pid, ended, stop, kill: () => undefined };
  };

  readonly notes: Notes = {
    units: async () => [...this.written.values()].sort((a, b) => a.name.localeCompare(b.name)),
    keep: async (unit) => void this.written.set(unit.name, unit),
    drop: async (name) => void this.written.delete(name),
    started: async () => this.full(),
    ended: async () => this.full(),
    stopOrphans: async () => void this.events.push("orphans stopped"),
  };

  get ports() {
    const log = createLogger("supervisor", { level: "silent" });
    return { run: this.run, notes: this.notes, clock: this.clock, log };
  }
  living(name: string): Unit[] {
    return [...this.programs.values()].map(({ unit }) => unit).filter((unit) => unit.name === name);
  }
  /** The unit's program ends by itself. */
  crash(name: string, code: number | null): void {
    [...this.programs.values()].find(({ unit }) => unit.name === name)?.exit(code);
  }
  private full(): void {
    if (this.notesFail) throw new Error("ENOSPC: no space left on device");
  }
}

const label = (unit: Unit): string => `${unit.name}${unit.revision}`;

export const unitNamed = (name: string, revision = "1"): Unit => ({
  name,
  description: name,
  command: [`/bin/${name}`],
  environment: {},
  folder: "/",
  log: "/dev/null",
  stopTimeoutMs: 30_000,
  revision,
  secret: null,
});
