import { systemClock } from "../../../system/clock.js";

/** Between two looks, at first and at last. The real provider begins with ten seconds. */
const pauseMs = { first: 100, last: 3_000 };

const seconds = 1_000;
/** How long the real provider waits, by its sources. */
export const minutes = 60 * seconds;

/** Pauses that grow. Each resolves to whether there is time for another look. Rejects once the engine cancels. */
export function rest(signal: AbortSignal, forMs: number): () => Promise<boolean> {
  const end = systemClock.now() + forMs;
  let next = pauseMs.first;
  return async () => {
    if (systemClock.now() + next > end) return false;
    await systemClock.sleep(next, signal);
    signal.throwIfAborted();
    next = Math.min(next * 1.5, pauseMs.last);
    return true;
  };
}

/** What is waited for. */
export interface Wait {
  /** As the real provider calls it: `EC2 Instance (i-0123) create`. */
  readonly what: string;
  /** The state it is to come to; `gone`: there is to be none. */
  readonly wanted: readonly string[];
  /** States that pass by themselves; any other is the end. Default: all do. */
  readonly passing?: readonly string[];
  readonly forMs: number;
  readonly signal: AbortSignal;
  /** @returns the state, and what AWS says about it; no state: it is not there */
  readonly look: () => Promise<{ readonly state?: string | undefined; readonly reason?: string | undefined }>;
}

/** Waits until something in AWS has come to a state. @throws Error in the words of the real provider when it comes to another one, or never does */
export async function settled({ what, wanted, passing, forMs, signal, look }: Wait): Promise<void> {
  const pause = rest(signal, forMs);
  for (;;) {
    const { state = "gone", reason } = await look();
    if (wanted.includes(state)) return;
    const [target, why] = [wanted.join(", "), reason === undefined ? "" : `. last error: ${reason}`];
    if (passing !== undefined && !passing.includes(state))
      throw new Error(`waiting for ${what}: unexpected state '${state}', wanted target '${target}'${why}`);
    if (!(await pause()))
      throw new Error(
        `waiting for ${what}: timeout while waiting for state to become '${target}' (last state: '${state}', timeout: ${forMs / minutes}m)${why}`,
      );
  }
}
