/** Negative when `a` is older than `b`. Numbers only: `0.11.4` against `0.9.10`. Pure. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string): number[] => text.split(".").map(Number);
  const [x, y] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(x.length, y.length); index++) {
    const difference = (x[index] ?? 0) - (y[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
