import { BackupUnreadable } from "./errors.js";
import { decodeRecord, encodeRecord } from "./record-codec.js";
import { equalTexts, fromBase64, openSealed, sealTo } from "./sealed-box.js";
import type { SealedBackup, SecretRecord } from "./store.js";

const purpose = "backup v1";
const prefix = "lightchain-backup-v1";

/**
 * Seals a record to a recovery public key, as one line of text: `lightchain-backup-v1:<kind>:<chain id>:<address>:<sealed, base64url>`. What the
 * line says in clear is sealed too, and compared when it is opened.
 * @param recoveryKey X25519 public key, 32 bytes
 */
export function sealBackup(record: SecretRecord, recoveryKey: Uint8Array): SealedBackup {
  const context = contextOf(record);
  const plaintext = encodeRecord(record);
  const sealed = sealTo(recoveryKey, purpose, context, plaintext);
  plaintext.fill(0);
  return `${context}:${Buffer.from(sealed).toString("base64url")}` as SealedBackup;
}

/**
 * Opens a backup.
 * @param recoverySecret X25519 secret key, 32 bytes
 * @throws BackupUnreadable (LF1107) when a character of it changed, or the recovery key is another one
 */
export function openBackup(backup: string, recoverySecret: Uint8Array): SecretRecord {
  const end = backup.lastIndexOf(":");
  const context = backup.slice(0, end);
  const sealed = fromBase64(backup.slice(end + 1), "base64url");
  if (!context.startsWith(`${prefix}:`) || sealed === undefined)
    throw new BackupUnreadable("its text is not a backup's");
  const opened = openSealed(recoverySecret, purpose, sealed);
  if (opened === undefined) throw new BackupUnreadable("it is damaged or was sealed to another recovery key");
  try {
    const record = decodeRecord(opened.payload);
    if (!equalTexts(opened.context, context) || !equalTexts(contextOf(record), context))
      throw new BackupUnreadable("what it says in clear was changed");
    return record;
  } catch (error) {
    if (error instanceof BackupUnreadable) throw error;
    throw new BackupUnreadable("this version does not know its content", error);
  } finally {
    opened.payload.fill(0);
  }
}

const contextOf = (record: SecretRecord): string => `${prefix}:${record.kind}:${record.chainId}:${record.address}`;
