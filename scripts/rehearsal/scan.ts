import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { findSecrets, needleOf, type SecretNeedle } from "../../keystore/secret-scan.js";
import type { RecordRef, SecretStore } from "../../keystore/store.js";

/** A private key found where none may be. */
export interface Leak {
  /** File, or process and what of it. */
  readonly where: string;
  readonly what: string;
}

/** Larger files are weights and databases of blocks, which are read in pieces of this size (bytes). */
const pieceBytes = 8 * 1024 * 1024;

/** What to look for: a worker's two private keys. */
export async function needlesFor(store: SecretStore, refs: readonly RecordRef[]): Promise<SecretNeedle[]> {
  const records = await Promise.all(refs.map((ref) => store.read(ref, "worker")));
  return records.flatMap(({ record }) => [
    needleOf(`${record.name}'s signing key`, record.signingKey),
    needleOf(`${record.name}'s encryption key`, record.encryptionKey),
  ]);
}

/** Looks through every file below the folders, and through arguments and environment of every process that may be read. */
export async function scanForSecrets(folders: readonly string[], needles: readonly SecretNeedle[]): Promise<Leak[]> {
  const leaks: Leak[] = [];
  for (const folder of folders)
    for await (const file of filesBelow(folder)) leaks.push(...(await scanFile(file, needles)));
  for (const process of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    for (const part of ["cmdline", "environ"]) {
      const content = await readFile(join("/proc", process, part)).catch(() => undefined);
      if (content === undefined) continue; // ended meanwhile, or somebody else's
      leaks.push(
        ...findSecrets(content, needles).map((found) => ({ where: `process ${process} ${part}`, what: found.name })),
      );
    }
  }
  return leaks;
}

async function scanFile(file: string, needles: readonly SecretNeedle[]): Promise<Leak[]> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size === 0 || size > 16 * pieceBytes) return [];
  const content = await readFile(file).catch(() => Buffer.alloc(0));
  return findSecrets(content, needles).map((found) => ({ where: file, what: found.name }));
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}
