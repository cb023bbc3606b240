import type { BlockRef } from "../lifecycle/types.js";
import { blockTime, type BlockTime } from "../schema/units.js";
import type { Clock } from "../system/clock.js";

/**
 * The chain's own time as far as the sidecar heard of it. Between two blocks it is taken to run on at the pace of this machine's clock, whose absolute
 * value is never used: a machine whose date is wrong still keeps its deadlines.
 */
export interface ChainTime {
  /** Takes note of a new head. Older ones than the newest are ignored. */
  hear(head: BlockRef): void;
  /** The newest head; `null` before the first. */
  readonly head: BlockRef | null;
  /** The newest head heard with this number or a lower one, of the last few hundred; `null` when none was. */
  atOrBefore(number: bigint): BlockRef | null;
  /** Time of the newest head, run on since it was heard. 0 before the first head: nothing is late yet. */
  now(): BlockTime;
  /** Milliseconds until the chain's clock passes `time`; negative when it has. */
  msUntil(time: BlockTime): number;
  /**
   * A signal that aborts once fewer than `marginMs` are left until `time`, or with `parent`. Dispose of it with `end`.
   */
  deadline(time: BlockTime, marginMs: number, parent: AbortSignal): Deadline;
}
/** See {@link ChainTime.deadline}. */
export interface Deadline {
  readonly signal: AbortSignal;
  end(): void;
}

/** Why a {@link Deadline} aborted. */
export class DeadlinePassed extends Error {}

/** Block time, run on at the pace of this clock between two blocks. */
export function createChainTime(clock: Clock): ChainTime {
  let head: BlockRef | null = null;
  let heardAtMs = 0;
  const wakes = new Set<() => void>();
  const heard: BlockRef[] = [];

  const msUntil = (time: BlockTime): number =>
    head === null ? Infinity : Number(time - head.time) * 1_000 - (clock.now() - heardAtMs);

  return {
    hear: (next) => {
      if (head !== null && next.number <= head.number && next.time <= head.time) return;
      head = next;
      heard.push(next);
      if (heard.length > rememberedHeads) heard.shift();
      heardAtMs = clock.now();
      for (const wake of [...wakes]) wake(); // time may have leapt
    },
    get head() {
      return head;
    },
    atOrBefore: (number) => heard.findLast((block) => block.number <= number) ?? null,
    now: () =>
      head === null
        ? blockTime(0n)
        : blockTime(head.time + BigInt(Math.max(0, Math.floor((clock.now() - heardAtMs) / 1_000)))),
    msUntil,
    deadline: (time, marginMs, parent) => {
      const passed = new AbortController();
      const over = new AbortController();
      const watch = async (): Promise<void> => {
        while (!over.signal.aborted) {
          const left = msUntil(time) - marginMs;
          if (left <= 0) return passed.abort(new DeadlinePassed("the deadline has come"));
          const leapt = new AbortController();
          const wake = (): void => leapt.abort();
          wakes.add(wake);
          await clock.sleep(Math.min(left, longestSleepMs), AbortSignal.any([over.signal, leapt.signal]));
          wakes.delete(wake);
        }
      };
      void watch();
      return { signal: AbortSignal.any([passed.signal, parent]), end: () => over.abort() };
    },
  };
}

const rememberedHeads = 512;
/** Timers of more than 2^31 ms fire at once. */
const longestSleepMs = 3_600_000;
