import type { Clock } from "./clock.js";

/** A round of work repeated until stopped. */
export interface Loop {
  /** Begins the next round now instead of after the pause. */
  trigger(): void;
  /** No further round; resolves when the current one has ended. */
  stop(): Promise<void>;
}

/**
 * Runs `round` at once and then again after `pauseMs` of quiet, never two at a time. A round that throws is reported to `onError` and
 * the loop goes on: one bad answer from a node must not end a worker.
 */
export function startLoop(options: {
  round: (signal: AbortSignal) => Promise<void>;
  pauseMs: number;
  clock: Clock;
  onError: (error: unknown) => void;
}): Loop {
  const stopping = new AbortController();
  let wake = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      try {
        await options.round(stopping.signal);
      } catch (error) {
        if (!stopping.signal.aborted) options.onError(error);
      }
      if (stopping.signal.aborted) return;
      await options.clock.sleep(options.pauseMs, AbortSignal.any([stopping.signal, wake.signal]));
    }
  })();
  return {
    trigger: () => wake.abort(),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Ends a loop with one round more, in so many milliseconds at most. Never rejects. */
export async function stopWithLast(
  loop: Loop,
  {
    round,
    withinMs,
    clock,
    onError,
  }: {
    readonly round: () => Promise<void>;
    readonly withinMs: number;
    readonly clock: Clock;
    readonly onError: (error: unknown) => void;
  },
): Promise<void> {
  const last = loop.stop().then(round).catch(onError);
  await Promise.race([last, clock.sleep(withinMs)]);
}
