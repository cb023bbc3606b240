/** A type in a zone. */
export interface Candidate {
  readonly type: string;
  readonly zone: string;
}

/**
 * What is tried, in this order: each wanted type, the preferred one first, in each zone that offers it. Zones are taken in an order that differs by host, so that a fleet spreads, and is
 * the same each time. Pure.
 * @param zones that will do; `null`: all
 */
export function candidates(
  host: string,
  types: readonly string[],
  zones: readonly string[] | null,
  offered: readonly Candidate[],
): Candidate[] {
  return types.flatMap((type) => {
    const here = offered
      .filter((one) => one.type === type && (zones === null || zones.includes(one.zone)))
      .map(({ zone }) => zone)
      .sort();
    const from = here.length === 0 ? 0 : sumOf(host) % here.length;
    return [...here.slice(from), ...here.slice(0, from)].map((zone) => ({ type, zone }));
  });
}
const sumOf = (text: string): number => Buffer.from(text).reduce((sum, byte) => (sum * 31 + byte) % 65_521, 7);
