/** Tells what is being done and how long it took, and remembers the times. */
export interface Phases {
  run<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Milliseconds by phase. */
  readonly times: Record<string, number>;
}

/** @param say called with each line for a person */
export function tellPhases(say: (line: string) => void, now: () => number): Phases {
  const times: Record<string, number> = {};
  return {
    times,
    run: async (name, work) => {
      say(`▸ ${name}`);
      const began = now();
      const result = await work();
      times[name] = Math.round(now() - began);
      say(`  ${name}: ${((times[name] ?? 0) / 1000).toFixed(1)} s`);
      return result;
    },
  };
}
