/** A part of `size` bytes, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a `Range` header with one range of bytes (RFC 9110 §14.1.2).
 * @returns `undefined` when there is none to honour, `"unsatisfiable"` when it lies outside the content
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "" && to === "") return undefined;
  if (from === "")
    return Number(to) === 0 ? "unsatisfiable" : { first: Math.max(0, size - Number(to)), last: size - 1 };
  const range = { first: Number(from), last: to === "" ? size - 1 : Math.min(Number(to), size - 1) };
  if (to !== "" && Number(to) < range.first) return undefined;
  return range.first >= size ? "unsatisfiable" : range;
}
