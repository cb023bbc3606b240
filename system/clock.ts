/** Time and timers, injected so that tests and the simulator own them. */
export interface Clock {
  /**
   * Milliseconds that only ever go on, at the pace of real time: what waits and deadlines are measured by. They begin as the Unix time that this machine believes in,
   * which may be wrong; nothing may be decided by that.
   */
  now(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. A date that is set anew, by hand or by NTP, does not move it. */
export const systemClock: Clock = {
  now: () => Math.round(performance.timeOrigin + performance.now()),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
};
