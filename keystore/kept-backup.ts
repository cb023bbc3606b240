import { readFile } from "node:fs/promises";
import { writeAtomically } from "../system/files.js";
import { sealBackup } from "./backup.js";
import { BackupNotKept } from "./errors.js";
import { canonicalJson } from "./canonical-json.js";
import { toPlain } from "./record-codec.js";
import { parseRecoveryKey } from "./recovery-key.js";
import type { SecretRecord, WorkerRecord } from "./store.js";

/*
 * A backup that a store keeps up to date by itself: for each worker whose record names a recovery key, a sealed file beside the record. It is written before the
 * record, so that it is never behind it: a backup that knows of a change that was then not made does no harm, since recovering reads the chain.
 */

/** A worker whose backup is kept. */
export type BackedUp = WorkerRecord & { readonly recoveryKey: string };

/** Whether the store keeps a backup of this record. */
export const isBackedUp = (record: SecretRecord): record is BackedUp =>
  record.kind === "worker" && record.recoveryKey !== undefined;

/**
 * Whether a change of a record has to go into its backup: everything but the list of what was sent, which only a store that signs itself needs and which grows
 * with every step. Pure.
 */
export function changesBackup(before: SecretRecord | undefined, after: BackedUp): boolean {
  return before?.kind !== "worker" || essence(before) !== essence(after);
}
const essence = (record: WorkerRecord): string => canonicalJson(toPlain({ ...record, sent: [] }));

/**
 * Seals a record to its recovery key, writes it, and reads it back. That the box opens to exactly this record was proven while its sender's half was at hand
 * ({@link sealBackup}); that the operator holds the other half, only `fleet keys verify-backup` can prove.
 * @throws BackupNotKept (LF1115)
 */
export async function keepBackup(record: BackedUp, path: string): Promise<void> {
  const line = `${sealBackup(record, parseRecoveryKey(record.recoveryKey))}\n`;
  try {
    await writeAtomically(path, line, "private");
    if ((await readFile(path, "utf8")) === line) return;
  } catch (error) {
    throw new BackupNotKept(path, "it cannot be written", error);
  }
  throw new BackupNotKept(path, "what was read back is not what was written");
}
