/** A limited number of places, taken in order of asking. */
export interface Slots {
  /** Waits for a place; what it returns gives the place back. Rejects with the signal's reason when that aborts first. */
  take(signal: AbortSignal): Promise<() => void>;
  readonly taken: number;
}

/** @param count jobs at once */
export function createSlots(count: number): Slots {
  let taken = 0;
  const waiting: (() => void)[] = [];
  const giveBack = (): void => {
    taken--;
    waiting.shift()?.();
  };
  const occupy = (): (() => void) => {
    taken++;
    let given = false;
    return () => {
      if (!given) giveBack();
      given = true;
    };
  };
  return {
    take: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        if (taken < count) return resolve(occupy());
        const go = (): void => {
          signal.removeEventListener("abort", stop);
          resolve(occupy());
        };
        const stop = (): void => {
          waiting.splice(waiting.indexOf(go), 1);
          reject(signal.reason as Error);
        };
        waiting.push(go);
        signal.addEventListener("abort", stop, { once: true });
      }),
    get taken() {
      return taken;
    },
  };
}
