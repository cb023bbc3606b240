/** How long one command of one program took, and the empty program's right after it (ms). */
export interface Pair {
  readonly ours: number;
  readonly empty: number;
}

/** Runs one after the other, so that both see the machine as it is at that moment. */
export const inPair = async (ours: () => Promise<unknown>, empty: () => Promise<unknown>): Promise<Pair> => ({
  ours: await timed(ours),
  empty: await timed(empty),
});

/** How long something takes (ms). */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** What pairs come to, as a table shows it: seconds, and the ratio of each pair, by their medians. */
export const timesOf = (pairs: readonly Pair[]): [ours: string, empty: string, ratio: string] => [
  (median(pairs.map(({ ours }) => ours)) / 1_000).toFixed(2),
  (median(pairs.map(({ empty }) => empty)) / 1_000).toFixed(2),
  median(pairs.map(({ ours, empty }) => ours / empty)).toFixed(2),
];

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
