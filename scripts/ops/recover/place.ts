import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import { openBackup } from "../../../keystore/backup.js";
import { RecordExists } from "../../../keystore/errors.js";
import { openStore } from "../../../keystore/open-store.js";
import { passphraseFrom } from "../../../keystore/passphrase.js";
import { refOf, wipeRecord } from "../../../keystore/record-codec.js";
import { parseRecoverySecret } from "../../../keystore/recovery-key.js";
import type { RecordRef, SecretRecord, SecretStore, WorkerRecord } from "../../../keystore/store.js";
import { systemClock } from "../../../system/clock.js";
import { ensureFolder, readIfPresent, writeAtomically } from "../../../system/files.js";
import { readNamed } from "../read-file.js";
import { RecoverUnclear } from "./errors.js";
import type { RecoverFrom } from "./request.js";

/** A record in a store that is ready to be worked with. */
export interface Place {
  readonly store: SecretStore;
  readonly ref: RecordRef;
  /** What was done to get there, for a person. */
  readonly how: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Brings the record to where it can be worked with. A second run finds what the first one restored, with everything that was sent since written in it, and goes on with
 * that.
 * @throws RecoverUnclear LF1620, FileUnreadable LF1624, BackupUnreadable LF1107, RecordExists LF1101 when another worker has the record's name there, and the store's errors
 */
export async function openPlace(from: RecoverFrom, env: Environment, folder: string): Promise<Place> {
  if (from.kind === "store")
    return { store: storeAt(from.store, env), ref: from.ref, how: `The record ${from.ref} in ${from.store}.` };
  const record = await openedBackup(from.backup, from.with);
  try {
    const store = from.store === undefined ? await ownStore(folder, env) : storeAt(from.store, env);
    const ref = refOf(record);
    if (await hasAlready(store, ref, record))
      return { store, ref, how: `${store.url} has the record ${ref} from an earlier run: going on with that.` };
    await store.create(ref, record);
    return { store, ref, how: `The backup's record ${ref} is in ${store.url} now.` };
  } finally {
    wipeRecord(record);
  }
}

/** Whether the store holds this very worker already. @throws RecordExists LF1101 when it holds another one under that name */
async function hasAlready(store: SecretStore, ref: RecordRef, record: WorkerRecord): Promise<boolean> {
  if (!(await store.has(ref))) return false;
  const { record: found } = await store.read(ref, "worker");
  wipeRecord(found);
  if (found.address === record.address) return true;
  if (found.archived !== null) return false; // done with; it is set aside
  throw new RecordExists(ref, store.url);
}

async function openedBackup(backupFile: string, keyFile: string): Promise<WorkerRecord> {
  const [line, content] = await Promise.all([readNamed(backupFile), readNamed(keyFile)]);
  const secret = parseRecoverySecret(content);
  content.fill(0);
  let record: SecretRecord;
  try {
    record = openBackup(line.toString("utf8").trim(), secret);
  } finally {
    secret.fill(0);
  }
  if (record.kind === "worker") return record;
  wipeRecord(record);
  throw new RecoverUnclear(
    `${backupFile} is the backup of a treasury, which has no stake`,
    "bring its key into a store with npx fleet keys restore.",
  );
}

const storeAt = (url: string, env: Environment): SecretStore =>
  openStore(url, { passphrase: passphraseFrom(env), clock: systemClock });

/**
 * A store of its own in `folder`. Where no passphrase was set, a random one is written beside it: for the hours that recovering takes, on a machine that has the
 * recovery key itself.
 */
async function ownStore(folder: string, env: Environment): Promise<SecretStore> {
  const url = `file:${join(folder, "keys")}`;
  if (isSet(env["LIGHTCHAIN_PASSPHRASE_FILE"]) || isSet(env["LIGHTCHAIN_PASSPHRASE"])) return storeAt(url, env);
  const file = join(folder, "passphrase");
  await ensureFolder(folder, "private");
  if ((await readIfPresent(file)) === undefined)
    await writeAtomically(file, `${randomBytes(24).toString("base64url")}\n`, "private");
  return storeAt(url, { LIGHTCHAIN_PASSPHRASE_FILE: file });
}
const isSet = (text: string | undefined): boolean => text !== undefined && text !== "";

/** Where the record is restored to when no store is named: in the folder the command is run in. */
export const recoveryFolder = (): string => resolve("lightchain-recovery");
