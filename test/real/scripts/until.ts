import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `probe` gives a value, looking every 20 ms. @throws Error naming `what` when `deadlineMs` have passed */
export async function until<T>(what: string, probe: () => T | undefined | false, deadlineMs = 20_000): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`${what} did not happen within ${deadlineMs} ms`);
    await sleep(20);
  }
}
