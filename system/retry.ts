import type { Clock } from "./clock.js";

/** How often and how patiently to try again. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Pause after the first failure, in ms; doubles after each further one. */
  readonly pauseMs: number;
  /** Longest pause, in ms. Default: no limit. */
  readonly maxPauseMs?: number;
}

/**
 * Runs `attempt` until it succeeds, `worthRetrying` says no, the policy is used up or `signal` aborts; then the last error is thrown.
 * Time comes from the clock, so that a simulated one can own it.
 */
export async function retry<T>(
  attempt: (number: number) => Promise<T>,
  options: { policy: RetryPolicy; clock: Clock; worthRetrying?: (error: unknown) => boolean; signal?: AbortSignal },
): Promise<T> {
  let pause = options.policy.pauseMs;
  for (let number = 1; ; number++) {
    try {
      return await attempt(number);
    } catch (error) {
      const hopeless = options.worthRetrying !== undefined && !options.worthRetrying(error);
      if (hopeless || number >= options.policy.attempts || options.signal?.aborted) throw error;
      await options.clock.sleep(pause, options.signal);
      if (options.signal?.aborted) throw error;
      pause = Math.min(pause * 2, options.policy.maxPauseMs ?? Infinity);
    }
  }
}
