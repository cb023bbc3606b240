import type { Mined, PurposeId } from "../../lifecycle/types.js";
import { abortable } from "../../system/abortable.js";
import type { Clock } from "../../system/clock.js";
import type { Journal } from "../journal.js";
import { purposeBefore } from "../purposes.js";
import type { Book } from "./book.js";
import { minedOf } from "./raw.js";
import type { Follower } from "./follower.js";
import type { Order, Submitter } from "./submitter.js";
import type { Watch } from "./watch.js";

/** Achieves each purpose at most once, whoever asks and however often. */
export interface Purposes {
  /** Resolves when the purpose is mined. Callers of one purpose share the work; it is given up only when all of them have. */
  achieve(order: Order, signal?: AbortSignal): Promise<Mined>;
  /** Gives everything up that waits. */
  close(): void;
}

interface Run {
  readonly result: Promise<Mined>;
  readonly abort: AbortController;
  callers: number;
}

/** Knows of each purpose how far it is. */
export function createPurposes(options: {
  journal: Journal;
  book: Book;
  submitter: Submitter;
  watch: Watch;
  follower: Follower;
  clock: Clock;
  pollMs: number;
}): Purposes {
  const { journal, book, submitter, watch, follower, clock, pollMs } = options;
  const runs = new Map<PurposeId, Run>();

  return {
    achieve: async (order, signal) => {
      signal?.throwIfAborted();
      const run = await join(order);
      try {
        return await abortable(run.result, signal);
      } finally {
        run.callers--;
        if (run.callers === 0) run.abort.abort(signal?.reason);
      }
    },
    close: () => {
      for (const run of runs.values()) run.abort.abort(new Error("the sidecar is stopping"));
    },
  };

  /** The run of a purpose, with one caller more; one that was given up is waited for first, because it may be storing bytes at this moment. */
  async function join(order: Order): Promise<Run> {
    for (;;) {
      const known = runs.get(order.purpose);
      if (known === undefined) return begin(order);
      if (!known.abort.signal.aborted) {
        known.callers++;
        return known;
      }
      await known.result.catch(() => undefined);
    }
  }

  function begin(order: Order): Run {
    const abort = new AbortController();
    const result = work(order, abort.signal).finally(() => runs.delete(order.purpose));
    result.catch(() => undefined); // every caller has a handler of its own, or has gone
    const run: Run = { result, abort, callers: 1 };
    runs.set(order.purpose, run);
    return run;
  }

  function isAchieved(purpose: PurposeId): boolean {
    return journal.sentFor(purpose).some(({ outcome }) => outcome === "mined");
  }

  /** Waits until what has to be mined before is, if anything was ever sent for it: a reorganisation may have taken it back. */
  async function precededBy(purpose: PurposeId | null, signal: AbortSignal): Promise<void> {
    if (purpose === null) return;
    const isMissing = (): boolean => {
      const sent = journal.sentFor(purpose);
      return sent.length > 0 && !sent.some(({ outcome }) => outcome === "mined");
    };
    for (; isMissing(); signal.throwIfAborted()) await clock.sleep(pollMs, signal);
  }

  async function work(order: Order, signal: AbortSignal): Promise<Mined> {
    for (;;) {
      signal.throwIfAborted();
      if (isAchieved(order.purpose)) await follower.recheck(order.purpose).catch(() => undefined); // else the journal's word
      const past = journal.sentFor(order.purpose);
      const success = past.find(({ outcome }) => outcome === "mined");
      if (success !== undefined) return minedOf(success);

      const isOpen = past.some(({ outcome }) => outcome === "open");
      if (!isOpen) await precededBy(purposeBefore(order.purpose), signal);
      const { fate } = isOpen ? { fate: book.follow(order.purpose) } : await submitter.submit(order, signal);
      if (isOpen) watch.start();
      const end = await abortable(fate, signal);
      if (end !== "dead") return end;
    }
  }
}
