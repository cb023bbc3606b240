import { searchFor, type Pattern } from "./byte-search.js";

/**
 * Looks for private keys where none may be: state files, logs, command lines, environments. Knows a key in every spelling that our code, or a library below it,
 * could have written it in.
 */

/** How a key was written where it was found. */
export type SecretSpelling = "raw" | "hex" | "base64" | "base64url" | "base64 of hex" | "list of numbers" | "number";

/** A key in all spellings, ready to be looked for. */
export interface SecretNeedle {
  /** What a finding calls it. Never the key. */
  readonly name: string;
  readonly spellings: readonly (Pattern & { readonly spelling: SecretSpelling })[];
}

/** Where a key was found. */
export interface SecretFinding {
  readonly name: string;
  readonly spelling: SecretSpelling;
  /** In bytes from the start. */
  readonly offset: number;
}

/** All spellings of a private key. `secret` is at least 16 bytes: shorter ones would be found by chance. */
export function needleOf(name: string, secret: Uint8Array): SecretNeedle {
  if (secret.length < 16) throw new RangeError("too short to be looked for");
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const text = (spelling: SecretSpelling, content: string, anyCase = false) => ({
    spelling,
    bytes: Buffer.from(content, "latin1"),
    anyCase,
  });
  return {
    name,
    spellings: [
      { spelling: "raw", bytes, anyCase: false },
      text("hex", hex, true),
      ...base64Cores(bytes).map((core) => text("base64", core)),
      ...base64Cores(bytes)
        .map(urlSafe)
        .map((core) => text("base64url", core)),
      ...[hex, hex.toUpperCase()].flatMap((digits) =>
        base64Cores(Buffer.from(digits)).map((core) => text("base64 of hex", core)),
      ),
      text("list of numbers", [...bytes].join(",")),
      text("list of numbers", [...bytes].join(", ")),
      text("list of numbers", [...bytes].map((byte, index) => `"${index}":${byte}`).join(",")),
      text("number", BigInt(`0x${hex}`).toString()),
    ],
  };
}

/** Every first place at which a spelling of a needle stands. An empty list: nothing was found. Whoever has more than one content makes a {@link finderOf}. */
export const findSecrets = (content: Uint8Array, needles: readonly SecretNeedle[]): SecretFinding[] =>
  finderOf(needles)(content);

/** {@link findSecrets} for many contents. */
export function finderOf(needles: readonly SecretNeedle[]): (content: Uint8Array) => SecretFinding[] {
  const spelled = needles.flatMap(({ name, spellings }) => spellings.map((one) => ({ name, ...one })));
  const search = searchFor(spelled);
  return (content) => {
    const places = search(content);
    return spelled.flatMap(({ name, spelling }, index) => {
      const offset = places[index] ?? -1;
      return offset === -1 ? [] : [{ name, spelling, offset }];
    });
  };
}

/**
 * The part of a text's base64 that depends on nothing around it, for each of the three places a secret can begin at within a group of three bytes.
 */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const first = Math.ceil((before * 8) / 6);
    const end = Math.floor(((before + bytes.length) * 8) / 6);
    return encoded.slice(first, end);
  });
}

const urlSafe = (base64: string): string => base64.replaceAll("+", "-").replaceAll("/", "_");
