import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Chain, Unsubscribe } from "../ports.js";
import type { Book } from "./book.js";
import type { Follower } from "./follower.js";

/** Runs the follower's rounds while there is something to follow, and not otherwise. */
export interface Watch {
  /** Something is in the book: go on looking until nothing is. */
  start(): void;
  /** One round now; joins the one that is running. @throws ChainUnavailable */
  look(): Promise<void>;
  /** Resolves when the current round has ended. */
  stop(): Promise<void>;
}

/** What is only watched for reorganisations is looked at this many times more rarely where no head wakes us. */
const idleFactor = 5;

/** Looks with each head, one look at a time. */
export function createWatch(options: {
  follower: Follower;
  book: Book;
  pollMs: number;
  onHead: Chain["onHead"] | undefined;
  clock: Clock;
  log: Logger;
}): Watch {
  const { follower, book, pollMs, clock, log } = options;
  const stopped = new AbortController();
  let wake = new AbortController();
  let running: Promise<void> | undefined;
  let looking: Promise<void> | undefined;

  const isStopped = (): boolean => stopped.signal.aborted;
  const wakeUp = (): void => {
    wake.abort();
    wake = new AbortController();
  };
  const look = (): Promise<void> => (looking ??= follower.round().finally(() => (looking = undefined)));

  async function run(): Promise<void> {
    const unsubscribe: Unsubscribe = options.onHead?.(wakeUp) ?? (() => undefined);
    try {
      while (!isStopped() && book.slots().length > 0) {
        const inFlight = book.slots().some(({ phase }) => phase.kind !== "won");
        await clock.sleep(inFlight ? pollMs : pollMs * idleFactor, AbortSignal.any([stopped.signal, wake.signal]));
        if (!isStopped()) await look().catch(report);
      }
    } finally {
      unsubscribe();
      running = undefined;
    }
  }
  const report = (err: unknown): void =>
    log.warn({ event: "transactions.round", err }, "looking after sent transactions failed; it is tried again");

  return {
    start: () => {
      if (isStopped()) return;
      if (running) wakeUp();
      else running = run();
    },
    look,
    stop: async () => {
      stopped.abort();
      await Promise.all([running, looking?.catch(() => undefined)]);
    },
  };
}
