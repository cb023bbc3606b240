/** A value that has exactly one spelling as canonical JSON. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/**
 * JSON with sorted keys and no space: the same value always gives the same bytes, so that text can be compared and hashed.
 * Numbers must be safe integers; anything larger travels as a decimal string.
 * @throws RangeError for a number that is no safe integer
 */
export function canonicalJson(value: Plain): string {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(",")}}`;
}

const isList = (value: object): value is readonly Plain[] => Array.isArray(value);
