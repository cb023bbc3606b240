import type { Hex } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { BlockAttributes, BuiltBlock, Engine, ForkChoice } from "./engine.js";

/**
 * Lets a node build a block on the head, from its pool.
 *
 * geth offers an empty block at once and the full one a little later, without saying when; so an empty one is not believed at first when
 * something is `expected` to be in it.
 * @param newRandao another value each time, since equal attributes continue the same building
 */
export async function buildBlock(
  engine: Engine,
  choice: ForkChoice,
  attributes: Omit<BlockAttributes, "prevRandao">,
  options: {
    pool: PoolGuess;
    /** Whether it holds anything by now: a moment after a block it may still show what is in that. Default: it does. */
    holdsAny?: () => Promise<boolean>;
    clock: Clock;
    newRandao: () => Hex;
  },
): Promise<BuiltBlock> {
  for (const [attempt, wait] of waitsMs[options.pool].entries()) {
    const building = await engine.startBlock(choice, { ...attributes, prevRandao: options.newRandao() });
    if (wait > 0) await options.clock.sleep(wait);
    const built = await engine.finishBlock(building);
    const last = attempt === waitsMs[options.pool].length - 1;
    if (last || built.executionPayload.transactions.length > 0 || (await options.holdsAny?.()) === false) return built;
  }
  throw new Error("unreachable: the last attempt returns");
}

/** What a block's builder believes that the pool holds for it. */
export type PoolGuess = keyof typeof waitsMs;

/** How long geth is given, attempt by attempt, in ms. What a longer wait left in the pool gets another chance in each block: geth may only have been slow. */
const waitsMs = { empty: [0], maybe: [20, 150], expected: [20, 150, 600] } as const;
