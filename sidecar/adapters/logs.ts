import { unavailable, wordsOf } from "./asking.js";

/** How nodes and providers say that a query asks for too much at once. */
const tooMuch = /too many|too large|too wide|limit|exceed|more than|block range|response size|query timeout/i;

/** Asking for less at a time would only ask more often. */
const tooOften = /rate.?limit|too many requests|429/i;

/**
 * Runs a log query in pieces of at most `size` blocks, in order, both ends inclusive. A piece that the node finds too large is halved until it is accepted.
 * @throws ChainUnavailable
 */
export async function inChunks<T>(
  what: string,
  range: { readonly from: bigint; readonly to: bigint; readonly size: number },
  query: (from: bigint, to: bigint) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = [];
  let size = BigInt(range.size);
  for (let start = range.from; start <= range.to;) {
    const end = start + size - 1n < range.to ? start + size - 1n : range.to;
    try {
      found.push(...(await query(start, end)));
      start = end + 1n;
    } catch (error) {
      const words = wordsOf(error);
      if (end === start || tooOften.test(words) || !tooMuch.test(words)) throw unavailable(what, error);
      size = (end - start + 1n) / 2n;
    }
  }
  return found;
}
