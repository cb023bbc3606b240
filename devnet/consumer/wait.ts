import type { Clock } from "../../system/clock.js";

/** Asks again and again until there is an answer. @returns `undefined` when there was none within `timeoutMs` */
export async function waitFor<T>(
  ask: () => Promise<T | undefined>,
  options: { clock: Clock; timeoutMs: number; everyMs: number },
): Promise<T | undefined> {
  const end = options.clock.now() + options.timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (options.clock.now() >= end) return undefined;
    await options.clock.sleep(options.everyMs);
  }
}
