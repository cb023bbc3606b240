// Part of the JavaScript engine (V8 since 11.4), not yet of TypeScript's library.
declare global {
  interface JSON {
    rawJSON(text: string): object;
  }
}

/** Parses JSON; integers too large for a `number` come out as `bigint`, digit for digit. @throws SyntaxError */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context?.source ?? "")
      : value,
  );
}

/** Writes JSON; a `bigint` becomes a plain number, digit for digit. */
export function stringifyExact(value: object): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "bigint" ? JSON.rawJSON(item.toString()) : item,
  );
}
