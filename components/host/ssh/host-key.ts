import { createHash, timingSafeEqual } from "node:crypto";
import type { ServerHostKeyAlgorithm } from "ssh2";

/** Kinds of host keys that are taken, and the signatures that a server may prove each with. Plain `ssh-rsa` means SHA-1, and is not among them. */
const algorithms: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

/**
 * A host key's public half in its one spelling, `ssh-ed25519 AAAA…`: without the names or the comment that `ssh-keyscan`, `known_hosts` and `.pub` files put around it.
 * Pure. @returns `undefined` for what is none
 */
export function hostKeyLine(text: string): string | undefined {
  const words = text.trim().split(/\s+/);
  const at = words.findIndex((word) => Object.hasOwn(algorithms, word));
  const [type, base64] = [words[at], words[at + 1]];
  if (type === undefined || base64 === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const blob = Buffer.from(base64, "base64");
  return typeIn(blob) === type && isWhole(blob) && blob.toString("base64") === base64 ? `${type} ${base64}` : undefined;
}

/** A key is a row of strings, each with its length before it, up to its very end: one that was cut off is none. */
function isWhole(blob: Buffer): boolean {
  let at = 0;
  let strings = 0;
  for (; at + 4 <= blob.length; strings++) at += 4 + blob.readUInt32BE(at);
  return at === blob.length && strings > 1;
}

/** A key as it comes over the wire, as such a line. Pure. */
export const lineOfKey = (blob: Buffer): string => `${typeIn(blob) ?? "unknown"} ${blob.toString("base64")}`;

/** The key's type is the first string in it (RFC 4253 §6.6). */
function typeIn(blob: Buffer): string | undefined {
  if (blob.length < 4) return undefined;
  const length = blob.readUInt32BE(0);
  return length > blob.length - 4 ? undefined : blob.toString("latin1", 4, 4 + length);
}

/** Whether a server showed the pinned key, in constant time. Pure. */
export function isPinned(pin: string, shown: Buffer): boolean {
  const held = Buffer.from(pin.split(" ")[1] ?? "", "base64");
  return held.length === shown.length && timingSafeEqual(held, shown);
}

/** `SHA256:…`, as `ssh-keygen -l` shows it. Pure. */
export const fingerprint = (key: Buffer | string): string => {
  const blob = typeof key === "string" ? Buffer.from(key.split(" ")[1] ?? "", "base64") : key;
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
};

/** What a server is asked to prove itself with: only what fits the pin, or it could show another of its keys. Pure. */
export const algorithmsFor = (pin: string): readonly ServerHostKeyAlgorithm[] =>
  algorithms[pin.split(" ")[0] ?? ""] ?? [];

/** Every one that is taken, the best first: what a key is learnt with. */
export const everyAlgorithm: readonly ServerHostKeyAlgorithm[] = Object.values(algorithms).flat();
