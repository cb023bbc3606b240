import { CreatesPending, LockedElsewhere, StackInUse } from "./errors.js";
import type { Engine } from "./engine.js";
import { describeHolder } from "./stack-lock.js";

/** What is wrong with a stack that a run was killed on. */
export interface Wreckage {
  /** Locks whose run is dead. */
  readonly deadLocks: number;
  /** Names of what was being created. */
  readonly creating: readonly string[];
  /** Files that it left half-written and that kept the engine from reading the state: put right already. */
  readonly mended: readonly string[];
}

/** Looks at what an earlier run left, and makes it readable. @throws StackInUse LF1602, LockedElsewhere LF1603 when it may still run */
export async function inspect(engine: Engine): Promise<Wreckage> {
  const locks = await engine.locks();
  for (const lock of locks) {
    if (lock.holder === "alive") throw new StackInUse(engine.stack, describeHolder(lock));
    if (lock.holder === "elsewhere") throw new LockedElsewhere(engine.stack, describeHolder(lock));
  }
  const mended = await engine.mend();
  return { deadLocks: locks.length, creating: (await engine.state()).creating, mended };
}

/** One command of the engine, in the order in which they must come. */
export type RepairStep = "cancel" | "up" | "forget creates";

/**
 * How a stack becomes whole. What was being created is created again first, which finds and takes over what is there; only then may the engine forget that it
 * had begun it. Interrupted deletes and updates need nothing: the next run repeats them. Pure.
 */
export const planRepair = ({ deadLocks, creating }: Omit<Wreckage, "mended">): RepairStep[] => [
  ...(deadLocks > 0 ? (["cancel"] as const) : []),
  ...(creating.length > 0 ? (["up", "forget creates"] as const) : []),
];

/** Takes one step. @throws EngineRefused LF1606, StoppedAsAsked LF1608 */
export async function take(step: RepairStep, engine: Engine): Promise<void> {
  switch (step) {
    case "cancel":
      await engine.ask("cancel", "--yes");
      return;
    case "up":
      return engine.attend("up", "--yes", "--skip-preview");
    case "forget creates":
      await engine.ask("refresh", "--yes", "--skip-preview", "--clear-pending-creates");
  }
}

/** Makes a stack ready for a destroy: a dead run's lock is taken away. @throws CreatesPending LF1604 when a destroy would forget something */
export async function readyToDestroy(engine: Engine, say: (line: string) => void): Promise<void> {
  const { deadLocks, creating } = await inspect(engine);
  if (creating.length > 0) throw new CreatesPending(engine.stack, creating);
  if (deadLocks === 0) return;
  say("An earlier run was killed; its lock is taken away.");
  await take("cancel", engine);
}
