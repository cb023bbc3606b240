import { open } from "node:fs/promises";
import { isErrno } from "../system/files.js";
import { PassphraseExposed, PassphraseMissing } from "./errors.js";
import type { PassphraseSource } from "./kdf.js";

export type { PassphraseSource } from "./kdf.js";

/**
 * The operator's passphrase: the content of the file that `LIGHTCHAIN_PASSPHRASE_FILE` names (preferred; one newline at its end does not count), else
 * `LIGHTCHAIN_PASSPHRASE` itself. Nothing is read before it is needed.
 *
 * The source throws PassphraseMissing (LF1109) when there is none, and PassphraseExposed (LF1111) for a file that others may read.
 */
export function passphraseFrom(env: Readonly<Record<string, string | undefined>>): PassphraseSource {
  return async () => {
    const path = env["LIGHTCHAIN_PASSPHRASE_FILE"];
    if (path !== undefined && path !== "") return fromFile(path);
    const text = env["LIGHTCHAIN_PASSPHRASE"];
    if (text !== undefined && text !== "") return new TextEncoder().encode(text);
    throw new PassphraseMissing("neither LIGHTCHAIN_PASSPHRASE_FILE nor LIGHTCHAIN_PASSPHRASE is set");
  };
}

async function fromFile(path: string): Promise<Uint8Array> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw new PassphraseMissing(`${path} ${isErrno(error, "ENOENT") ? "does not exist" : "cannot be read"}`, error);
  });
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) throw new PassphraseExposed(path);
    const content = await file.readFile();
    const passphrase = Uint8Array.from(content.subarray(0, lengthWithoutNewline(content)));
    content.fill(0);
    if (passphrase.length === 0) throw new PassphraseMissing(`${path} is empty`);
    return passphrase;
  } finally {
    await file.close();
  }
}

const LF = 10;
const CR = 13;
function lengthWithoutNewline(content: Uint8Array): number {
  if (content.at(-1) !== LF) return content.length;
  return content.at(-2) === CR ? content.length - 2 : content.length - 1;
}
