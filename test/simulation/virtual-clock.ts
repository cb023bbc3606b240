import type { Clock } from "../../system/clock.js";

/** Time that moves only when told to: a simulation owns its order. */
export interface VirtualClock extends Clock {
  /** Lets everything that is ready run, then moves to the next timer; until `done`, or fails after `limitMs` of virtual time. */
  runUntil(done: () => boolean, limitMs: number, what: string): Promise<void>;
  /** Runs for so many ms of virtual time. */
  run(ms: number): Promise<void>;
  /** Calls back every `ms`, for the world outside the sidecar. */
  every(ms: number, act: () => void): void;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly fire: () => void;
}

export function createVirtualClock(startMs = 1_800_000_000_000): VirtualClock {
  let now = startMs;
  let order = 0;
  let timers: Timer[] = [];

  const add = (at: number, fire: () => void): Timer => {
    const timer = { at, order: order++, fire };
    timers.push(timer);
    return timer;
  };
  const next = (): Timer | undefined =>
    timers.reduce<Timer | undefined>(
      (first, timer) =>
        first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)
          ? timer
          : first,
      undefined,
    );
  /** All promises that can settle have settled when this resolves. */
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const step = async (until: number): Promise<boolean> => {
    await settled();
    const timer = next();
    if (timer === undefined || timer.at > until) return false;
    timers = timers.filter((other) => other !== timer);
    now = Math.max(now, timer.at);
    timer.fire();
    return true;
  };

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const timer = add(now + Math.max(0, ms), () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        });
        const stop = (): void => {
          timers = timers.filter((other) => other !== timer);
          resolve();
        };
        signal?.addEventListener("abort", stop, { once: true });
      }),
    every: (ms, act) => {
      const again = (): void => {
        act();
        add(now + ms, again);
      };
      add(now + ms, again);
    },
    run: async (ms) => {
      const until = now + ms;
      while (await step(until));
      now = until;
      await settled();
    },
    runUntil: async (done, limitMs, what) => {
      const until = now + limitMs;
      for (;;) {
        await settled();
        if (done()) return;
        if (!(await step(until))) throw new Error(`not within ${limitMs} ms of virtual time: ${what}`);
      }
    },
  };
}
