import { appendFileSync } from "node:fs";

/* The same tests serve `npm test`, which plays each situation once, and `npm run soak`, which plays it often, each time with another seed. */
const { LF_SOAK_ROUNDS, LF_SOAK_SEED, LF_SOAK_SHARE, LF_SOAK_REPORT } = process.env;
/** Several processes may play at once: which of them this is, from 0, and how many they are. */
const [share = 0, of = 1] = (LF_SOAK_SHARE ?? "0/1").split("/").map(Number);

/** One played situation, as the soak's report counts it. */
export interface SoakEntry {
  readonly what: string;
  readonly seed: number;
  /** What was violated; nothing when all is well. */
  readonly wrong: readonly string[];
}

export const soak = {
  /** How often each situation is played. @param once how often `npm test` does */
  rounds: (once: number): number => (LF_SOAK_ROUNDS === undefined ? once : Number(LF_SOAK_ROUNDS)),
  /** The first round's seed; the others are counted on from it. */
  seed: Number(LF_SOAK_SEED ?? 1),
  /** This process's part of what is to be played. */
  mine: <T>(all: readonly T[]): T[] => all.filter((_, index) => index % of === share),
  report: (entry: SoakEntry): void => {
    if (LF_SOAK_REPORT !== undefined) appendFileSync(LF_SOAK_REPORT, `${JSON.stringify(entry)}\n`);
  },
  /** How a failure is played again. */
  replay: (seed: number): string => `replay with LF_SOAK_ROUNDS=1 LF_SOAK_SEED=${seed} and the same test file`,
};

/** Numbers in [0, 1) that depend on nothing but the seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
