import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { finderOf, needleOf, type SecretNeedle } from "../../keystore/secret-scan.js";
import type { RecordRef, SecretStore } from "../../keystore/store.js";

/** A private key found where none may be. */
export interface Leak {
  /** File, or process and what of it. */
  readonly where: string;
  readonly what: string;
}

/** Files are read in pieces of this size (bytes), which overlap by more than the longest spelling of a key. */
const pieceBytes = 8 * 1024 * 1024;
const overlapBytes = 4096;

/** What to look for: a worker's two private keys. */
export async function needlesFor(store: SecretStore, refs: readonly RecordRef[]): Promise<SecretNeedle[]> {
  const records = await Promise.all(refs.map((ref) => store.read(ref, "worker")));
  return records.flatMap(({ record }) => [
    needleOf(`${record.name}'s signing key`, record.signingKey),
    needleOf(`${record.name}'s encryption key`, record.encryptionKey),
  ]);
}

/**
 * Looks through every file below the folders, and through arguments and environment of every process that may be read.
 * @param leftOut folders below them that are not gone into
 */
export async function scanForSecrets(
  folders: readonly string[],
  needles: readonly SecretNeedle[],
  leftOut: readonly string[] = [],
): Promise<Leak[]> {
  const leaks: Leak[] = [];
  const namesIn = namesBy(needles);
  const piece = Buffer.allocUnsafe(pieceBytes); // one for all files: most are searched in less time than it takes to make it
  for (const folder of folders)
    for await (const file of filesBelow(folder, leftOut)) leaks.push(...(await scanFile(file, piece, namesIn)));
  for (const process of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    for (const part of ["cmdline", "environ"]) {
      const content = await readFile(join("/proc", process, part)).catch(() => undefined);
      if (content === undefined) continue; // ended meanwhile, or somebody else's
      leaks.push(...namesIn(content).map((what) => ({ where: `process ${process} ${part}`, what })));
    }
  }
  return leaks;
}

async function scanFile(path: string, piece: Buffer, namesIn: (content: Uint8Array) => string[]): Promise<Leak[]> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return []; // ended meanwhile, like a process
  const found = new Set<string>();
  try {
    for (let at = 0, length = pieceBytes; length === pieceBytes; at += pieceBytes - overlapBytes) {
      length = (await file.read(piece, 0, pieceBytes, at)).bytesRead;
      for (const name of namesIn(unpacked(piece.subarray(0, length)))) found.add(name);
    }
  } finally {
    await file.close();
  }
  return [...found].map((what) => ({ where: path, what }));
}

/** What names each key that is in a content, once, however many of its spellings match. */
function namesBy(needles: readonly SecretNeedle[]): (content: Uint8Array) => string[] {
  const find = finderOf(needles);
  return (content) => [...new Set(find(content).map(({ name }) => name))];
}

/** The engine can be told to compress its state. */
function unpacked(content: Buffer): Buffer {
  if (content[0] !== 0x1f || content[1] !== 0x8b) return content;
  try {
    return gunzipSync(content);
  } catch {
    return content; // it only begins like one
  }
}

async function* filesBelow(folder: string, leftOut: readonly string[]): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !leftOut.includes(path)) yield* filesBelow(path, leftOut);
    else if (entry.isFile()) yield path;
  }
}
