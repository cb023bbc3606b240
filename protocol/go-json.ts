/** A JSON value that keeps what `JSON.parse` loses: how a number was written, and repeated fields in their order. */
export type GoJson =
  | { readonly kind: "null" }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "number"; readonly literal: string }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "array"; readonly items: GoJson[] }
  | { readonly kind: "object"; readonly fields: [name: string, value: GoJson][] };

/** Go refuses JSON that is nested deeper. */
const deepest = 10_000;

/** Parses JSON as Go's `encoding/json` accepts it; `undefined` where it would report a syntax error. */
export function parseGoJson(text: string): GoJson | undefined {
  try {
    JSON.parse(text); // the grammar is the same; what follows may rely on it
  } catch {
    return undefined;
  }
  return readValid(text);
}

const token = /[\s,:]*([{}[\]]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s,:"{}[\]]+)/y;

/** Without recursion: how deep a document goes is for its sender to choose. */
function readValid(text: string): GoJson | undefined {
  const root: Open = { kind: "array", items: [] };
  const path: Open[] = [];
  let into: Open = root;
  let name: string | undefined;
  token.lastIndex = 0;
  for (let word = token.exec(text)?.[1]; word !== undefined; word = token.exec(text)?.[1]) {
    if (word === "}" || word === "]") {
      into = path.pop() ?? root;
      continue;
    }
    if (into.kind === "object" && name === undefined) {
      name = JSON.parse(word) as string;
      continue;
    }
    const value = valueOf(word);
    if (into.kind === "array") into.items.push(value);
    else into.fields.push([name ?? "", value]);
    name = undefined;
    if (value.kind === "array" || value.kind === "object") {
      if (path.push(into) > deepest) return undefined;
      into = value;
    }
  }
  return root.items[0];
}
type Open = Extract<GoJson, { kind: "array" | "object" }>;

function valueOf(word: string): GoJson {
  switch (word[0]) {
    case "{":
      return { kind: "object", fields: [] };
    case "[":
      return { kind: "array", items: [] };
    case '"':
      return { kind: "string", value: (JSON.parse(word) as string).toWellFormed() };
    case "n":
      return { kind: "null" };
    case "t":
    case "f":
      return { kind: "boolean", value: word === "true" };
    default:
      return { kind: "number", literal: word };
  }
}

/** A Go type that JSON is decoded into: its zero value, and assignment over what is there already. */
export interface GoType<T> {
  readonly zero: () => T;
  /** @throws WrongType */
  readonly assign: (current: T, json: GoJson) => T;
}

/** A value of another type than the field's; Go then reports an error for the whole document. */
class WrongType extends Error {}

/** Go's `string`: `null` changes nothing. */
export const goString: GoType<string> = {
  zero: () => "",
  assign: (current, json) => {
    if (json.kind === "null") return current;
    if (json.kind !== "string") throw new WrongType();
    return json.value;
  },
};

/** Go's `bool`: `null` changes nothing. */
export const goBoolean: GoType<boolean> = {
  zero: () => false,
  assign: (current, json) => {
    if (json.kind === "null") return current;
    if (json.kind !== "boolean") throw new WrongType();
    return json.value;
  },
};

/** Go's `int`: written without point or exponent, within 64 bits; `null` changes nothing. */
export const goInteger: GoType<number> = {
  zero: () => 0,
  assign: (current, json) => {
    if (json.kind === "null") return current;
    if (json.kind !== "number" || !/^-?\d+$/.test(json.literal)) throw new WrongType();
    if (BigInt.asIntN(64, BigInt(json.literal)) !== BigInt(json.literal)) throw new WrongType();
    return Number(json.literal);
  },
};

/** What lies in memory behind a decoded slice, see {@link goSlice}. */
const behind = new WeakMap<readonly unknown[], unknown[]>();

/**
 * Go's slice: `null` empties it. A field given twice is decoded over the elements of the first time, so what the second leaves out shows through
 * (Go issue 21092); kept, because the disputer's decoder does it.
 */
export function goSlice<T>(of: GoType<T>): GoType<readonly T[]> {
  return {
    zero: () => [],
    assign: (current, json) => {
      if (json.kind === "null") return [];
      if (json.kind !== "array") throw new WrongType();
      if (json.items.length === 0) return [];
      const memory = (behind.get(current) ?? []) as T[];
      json.items.forEach((item, at) => (memory[at] = of.assign(memory[at] ?? of.zero(), item)));
      const slice = memory.slice(0, json.items.length);
      behind.set(slice, memory);
      return slice;
    },
  };
}

/** Go's struct: names match in any case, unknown ones are ignored, the last of several wins, `null` changes nothing. */
export function goStruct<T extends object>(fields: { readonly [Name in keyof T]: GoType<T[Name]> }): GoType<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  const byName = new Map(names.map((name) => [folded(name), name]));
  return {
    zero: () => Object.fromEntries(names.map((name) => [name, fields[name].zero()])) as T,
    assign: (current, json) => {
      if (json.kind === "null") return current;
      if (json.kind !== "object") throw new WrongType();
      const value = { ...current };
      for (const [name, item] of json.fields) {
        const field = byName.get(folded(name));
        if (field !== undefined) value[field] = fields[field].assign(value[field], item);
      }
      return value;
    },
  };
}

/** Decodes a document; `undefined` where Go's `json.Unmarshal` would report an error. */
export function decodeGoJson<T>(type: GoType<T>, text: string): T | undefined {
  const json = parseGoJson(text);
  if (json === undefined) return undefined;
  try {
    return type.assign(type.zero(), json);
  } catch (error) {
    if (error instanceof WrongType) return undefined;
    throw error;
  }
}

/** Go folds by Unicode, where two letters outside ASCII are the same as `s` and `k`. */
const folded = (name: string): string =>
  name
    .replaceAll("\u017f", "s")
    .replaceAll("\u212a", "k")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
