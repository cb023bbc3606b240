/** So many are named in a line: of a busy worker's jobs it could not hold all. */
const named = 5;

/**
 * The first of many and the last, which is what a wait is longest for, with how many there are in all; few are named all. Pure.
 *
 * @example abridged(["1", "2", "3", "4", "5", "6"]) // "1, 2, 3, 4 … 6 (6 in all)"
 */
export function abridged(items: readonly string[]): string {
  if (items.length <= named) return items.join(", ");
  return `${items.slice(0, named - 1).join(", ")} … ${items.at(-1) ?? ""} (${items.length} in all)`;
}
