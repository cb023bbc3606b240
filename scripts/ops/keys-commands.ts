import { resolve } from "node:path";
import type { Command } from "commander";
import Table from "cli-table3";
import { openBackup } from "../../keystore/backup.js";
import { BackupDiffers } from "../../keystore/errors.js";
import { changesBackup, type BackedUp } from "../../keystore/kept-backup.js";
import { openStore } from "../../keystore/open-store.js";
import { passphraseFrom } from "../../keystore/passphrase.js";
import { refOf, wipeRecord } from "../../keystore/record-codec.js";
import { newRecoveryKey, parseRecoveryKey, parseRecoverySecret } from "../../keystore/recovery-key.js";
import type { RecordRef, SealedBackup, SecretRecord, SecretStore } from "../../keystore/store.js";
import { systemClock } from "../../system/clock.js";
import { writeAtomically } from "../../system/files.js";
import { readNamed } from "./read-file.js";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Adds `keys`: recovery keys, backups of secret records, and proof that they open. */
export function addKeysCommands(program: Command): void {
  const keys = program.command("keys").description("back up and restore secret records");
  keys
    .command("new-recovery-key")
    .description("make a recovery key: keep the file offline; the line printed is what backups are sealed to")
    .argument("<file>", "where the secret half goes")
    .action(async (file: string) => {
      const { publicKey, secretKey } = newRecoveryKey();
      await writeAtomically(resolve(file), `${Buffer.from(secretKey).toString("hex")}\n`, "private");
      say(Buffer.from(publicKey).toString("hex"));
    });
  keys
    .command("backup")
    .description("write a record, sealed to a recovery key, to standard output")
    .requiredOption("--store <url>", "for instance file:/home/me/.lightchain/keys")
    .requiredOption("--ref <record>", "for instance worker/8200/home")
    .requiredOption("--to <key>", "public half of the recovery key, 64 hex digits")
    .action(async (options: { store: string; ref: string; to: string }) =>
      say(await storeAt(options.store).backup(options.ref as RecordRef, parseRecoveryKey(options.to))),
    );
  keys
    .command("verify-backup")
    .description("prove that a backup opens with the recovery key, and say what is in it; nothing is written")
    .argument("<file>", "the backup")
    .requiredOption("--with <file>", "secret half of the recovery key")
    .option("--store <url>", "compare it with the record that this store holds")
    .action(async (file: string, options: { with: string; store?: string }) => {
      const record = await withSecret(options.with, async (secret) => openBackup(await lineIn(file), secret));
      try {
        if (options.store !== undefined) await compare(record, storeAt(options.store));
        say(describeBackup(record));
      } finally {
        wipeRecord(record);
      }
    });
  keys
    .command("restore")
    .description("read a backup from standard input into a store")
    .requiredOption("--store <url>", "an empty store, or one without this record")
    .requiredOption("--with <file>", "secret half of the recovery key")
    .action(async (options: { store: string; with: string }) => {
      const backup = (await lineIn("/dev/stdin")) as SealedBackup;
      say(await withSecret(options.with, (secret) => storeAt(options.store).restore(backup, secret)));
    });
}

/** @throws BackupDiffers LF1116 when the store's record has changed since, or is another worker's */
async function compare(backup: SecretRecord, store: SecretStore): Promise<void> {
  const ref = refOf(backup);
  const { record } = await store.read(ref, backup.kind);
  try {
    if (record.address !== backup.address) throw new BackupDiffers(ref, store.url, "it is of other keys");
    if (backup.kind === "worker" && changesBackup(record, backup as BackedUp))
      throw new BackupDiffers(ref, store.url, "the record has changed since");
  } finally {
    wipeRecord(record);
  }
}

/** What a backup holds, for a person; never a key. Pure. */
export function describeBackup(record: SecretRecord): string {
  const table = new Table({ style: { head: [], border: [] } });
  table.push(["record", refOf(record)], ["address", record.address]);
  if (record.kind === "worker")
    table.push(
      ["comes back to", record.refundTo],
      ["generation", `${record.generation}${record.leaving ? ", leaving" : ""}`],
      ["held by", record.holder === null ? "nobody" : `host ${record.holder}, epoch ${record.epoch}`],
      ["registered", record.registeredAt === null ? "not known" : `in block ${record.registeredAt.number}`],
      ["archived", record.archived === null ? "no" : `at block ${record.archived.block}`],
    );
  return `${table.toString()}\nThis backup opens.`;
}

const lineIn = async (file: string): Promise<string> => (await readNamed(file)).toString("utf8").trim();

/** Works with the secret half of a recovery key, and wipes it. */
async function withSecret<T>(file: string, work: (secret: Uint8Array) => Promise<T>): Promise<T> {
  const content = await readNamed(file);
  const secret = parseRecoverySecret(content);
  content.fill(0);
  try {
    return await work(secret);
  } finally {
    secret.fill(0);
  }
}

const storeAt = (url: string): SecretStore =>
  openStore(url, { passphrase: passphraseFrom(process.env), clock: systemClock });
