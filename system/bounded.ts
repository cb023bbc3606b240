import type { Clock } from "./clock.js";

/** What a piece of work came to, or that it took too long. */
export type Bounded<T> = { readonly inTime: true; readonly value: T } | { readonly inTime: false };

/**
 * Gives `work` so many milliseconds. What is still at work then is told by its signal, and not waited for.
 * @throws what `work` throws in time
 */
export async function within<T>(
  ms: number,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Bounded<T>> {
  const over = new AbortController();
  const done = new AbortController();
  const working = work(over.signal).then((value): Bounded<T> => ({ inTime: true, value }));
  working.catch(() => undefined); // told below, or too late to matter
  const late = clock.sleep(ms, done.signal).then((): Bounded<T> => ({ inTime: false }));
  try {
    return await Promise.race([working, late]);
  } finally {
    done.abort();
    over.abort();
  }
}
