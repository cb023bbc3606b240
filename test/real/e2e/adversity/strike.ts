import { expect } from "vitest";
import type { Ground } from "../killed/ground.js";
import { interruptedRun, type Interruption } from "../killed/interrupted-engine.js";
import { atStandstill } from "./standstill.js";
import type { Trouble } from "./troubles.js";

/** One run of the engine in trouble. */
export interface Strike {
  readonly what: string;
  readonly trouble: () => Trouble;
  /** When it begins. Default: before the run. */
  readonly at?: Pick<Interruption, "type" | "moment">;
  /** What the run must have come to, beside that, before it begins. */
  readonly once?: () => Promise<unknown>;
  /** Whose transaction is in the pool, and in no block, when it begins. */
  readonly kept?: "worker" | "treasury";
  readonly says: RegExp;
  readonly needsDisks?: true;
  /** What must hold afterwards. */
  readonly then?: () => Promise<void>;
}

/** Strikes, and holds the run to what it has to say: it fails with its one coded line, and nobody is shown a stack. @returns all that it said */
export async function strike(ground: Ground, command: "up" | "destroy", blow: Strike): Promise<string> {
  const trouble = blow.trouble();
  if (blow.kept !== undefined) await ground.withhold(blow.kept);
  const { code, output } = await inTrouble(ground, command, blow, trouble).finally(async () => {
    await trouble.end();
    if (blow.kept !== undefined) await ground.letGo();
  });
  expect(output).toMatch(blow.says);
  expect(code).not.toBe(0);
  expect(output).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  await blow.then?.();
  return output;
}

/** The run itself, while the trouble lasts. */
async function inTrouble(ground: Ground, command: "up" | "destroy", { at, once, kept }: Strike, trouble: Trouble) {
  if (at === undefined) {
    await trouble.begin();
    const { code, stdout, stderr } = await ground.pulumi(command, "--yes", "--skip-preview");
    return { code, output: stdout + stderr };
  }
  const { stage, rehearsal } = ground;
  const ended = await interruptedRun(stage, rehearsal.folders, { command, how: "nothing", ...at }, async (engine) => {
    await once?.();
    if (kept === undefined) return atStandstill(engine, () => trouble.begin()); // or it might be through before
    await ground.untilKept();
    await trouble.begin();
  });
  expect(ended.struck, ended.output).toBe(true);
  return ended;
}

/** For `test.each`. */
export const named = (blows: readonly Strike[]) => blows.map((blow) => [blow.what, blow] as const);
