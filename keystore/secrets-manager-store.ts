import { rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../system/clock.js";
import { isErrno, readIfPresent } from "../system/files.js";
import type { Tags } from "./aws-ask.js";
import {
  longestSecretBytes,
  SecretScheduledForDeletion,
  SecretsManagerUnavailable,
  SecretTooLarge,
  SecretVersionsUsedUp,
} from "./aws-errors.js";
import { BackupNotKept, RecordDamaged, RecordExists, RecordMissing, VersionConflict } from "./errors.js";
import { isBackedUp, type BackedUp } from "./kept-backup.js";
import { kmsApi, type KmsApi } from "./kms-api.js";
import { wipeRecord } from "./record-codec.js";
import { changeWaitMs, checkRef, isArchived, openOrDamaged, RecordStore } from "./record-store.js";
import { accountOf, secretPolicy } from "./secret-policies.js";
import { secretsApi, type SecretsApi, type SecretValue } from "./secrets-manager-api.js";
import { ownKeyAlias, ownKms, secretsManagerUrl, type SecretsManagerPlace } from "./secrets-manager-url.js";
import { ownKey } from "./store-key.js";
import type { KeptRecord, RecordRef, SecretRecord, SecretStore, Versioned } from "./store.js";
import { decodeVersioned, encodeVersioned } from "./versioned-record.js";

/**
 * The store in AWS Secrets Manager: one secret a record, encrypted with a KMS key by AWS and named `<prefix>/<record>`. Its url is `aws-sm:<region>/<prefix>`, with
 * `?kms=<id, alias or ARN>` for a key of one's own, or `?kms=own` for one that the store makes with its first secret (`store-key.ts`). Whoever AWS lets read the secret has
 * the keys: there is no passphrase.
 *
 * A change is a compare-and-set by AWS itself: of two machines that change a record at the same time exactly one wins. `lock` and `turn` hold among the processes of
 * **this machine** alone; on several machines at a time run nothing that pays from one treasury. Locks and the backups that the store keeps lie in
 * `~/.lightchain/aws-sm/<region>/<prefix>`, readable by their owner only.
 *
 * Nothing is ever deleted: an archived record's secret is kept, with the tag `lightchain:archived`. A policy of the secret's own keeps other accounts out and a hasty deletion
 * away (`secret-policies.ts`); it is put on when the secret is made, and again when its record is archived.
 */
export function openSecretsManagerStore(
  place: SecretsManagerPlace,
  clock: Clock,
  options: { readonly api?: SecretsApi; readonly kms?: KmsApi; readonly folder?: string } = {},
): SecretStore {
  const { api = secretsApi(place.region), kms = kmsApi(place.region), folder = localFolder(place) } = options;
  return new SecretsManagerStore(place, clock, api, kms, folder);
}

/** The prefix as one folder, so that no two prefixes share or contain each other's files. */
const localFolder = ({ region, prefix }: SecretsManagerPlace): string =>
  join(homedir(), ".lightchain", "aws-sm", region, encodeURIComponent(prefix));

const archivedTag = "lightchain:archived";

/** A record as it was found, and what a change of it has to name. */
interface Found extends Versioned<SecretRecord> {
  readonly value: SecretValue;
}

class SecretsManagerStore extends RecordStore {
  readonly url: string;

  constructor(
    private readonly place: SecretsManagerPlace,
    clock: Clock,
    private readonly api: SecretsApi,
    private readonly kms: KmsApi,
    folder: string,
  ) {
    super(folder, clock);
    this.url = secretsManagerUrl(place);
  }

  async create<R extends SecretRecord>(ref: RecordRef, record: R): Promise<Versioned<R>> {
    checkRef(ref, record);
    const text = this.textOf(ref, { version: 1, record });
    return this.changing(ref, async () => {
      if (!(await this.createNew(ref, record, text))) await this.takeOverName(ref, record, text);
      return { version: 1, record };
    });
  }

  async has(ref: RecordRef): Promise<boolean> {
    const found = await this.api.describe(this.nameOf(ref));
    return found !== undefined && (found.hasValue || found.deleted !== null);
  }

  override async kept(ref: RecordRef): Promise<KeptRecord | null> {
    const { region, prefix, kms } = this.place;
    const found = await this.api.describe(this.nameOf(ref));
    if (found === undefined) return null;
    // A secret may be older than its store's key, and then has another.
    const alias = ownKeyAlias(prefix);
    const isOwn = kms === ownKms && found.key !== null && (await this.kms.describe(alias))?.arn === found.key;
    return { region, secret: this.nameOf(ref), key: found.key, ownKey: isOwn ? alias : null, deletion: found.deleted };
  }

  protected async open(ref: RecordRef): Promise<Found> {
    const found = await this.load(ref);
    if (found === undefined) throw new RecordMissing(ref, this.url);
    return found;
  }

  protected async replace<R extends SecretRecord>(ref: RecordRef, expected: number, record: R): Promise<Versioned<R>> {
    const found = await this.open(ref);
    try {
      if (found.version !== expected) throw new VersionConflict(ref, expected, found.version);
      const text = this.textOf(ref, { version: expected + 1, record });
      await this.keepBackup(ref, found.record, record);
      if (!(await this.swap(ref, found, record, text)))
        throw new VersionConflict(ref, expected, (await this.open(ref)).version);
    } finally {
      wipeRecord(found.record);
    }
    return { version: expected + 1, record };
  }

  /** In another account of the same region and prefix there may be another worker of that name: its backup is not overwritten. */
  protected override async keepBackup(
    ref: RecordRef,
    before: SecretRecord | undefined,
    after: SecretRecord,
  ): Promise<void> {
    if (isBackedUp(after)) await setOtherAside(this.backupPath(ref), after);
    await super.keepBackup(ref, before, after);
  }

  /** @returns `false` when there is a record of that name, or was */
  private async createNew(ref: RecordRef, record: SecretRecord, text: string): Promise<boolean> {
    const name = this.nameOf(ref);
    const there = await this.api.describe(name);
    if (there === undefined) {
      await this.keepBackup(ref, undefined, record);
      return this.make(ref, name, text, { "lightchain:record": ref });
    }
    // Scheduled for deletion: keys that are in use are saved by this, and a name that is free can be used.
    if (there.deleted !== null) await this.api.restore(name);
    return false;
  }

  /** Puts a record in the place of one that is archived, which is kept beside it. */
  private async takeOverName(ref: RecordRef, record: SecretRecord, text: string): Promise<void> {
    const found = await this.load(ref);
    if (found === undefined) throw new RecordDamaged(ref, this.url, "its secret has no value");
    try {
      if (!isArchived(found.record)) throw new RecordExists(ref, this.url);
      await this.setAside(ref, found);
      await this.keepBackup(ref, undefined, record);
      if (!(await this.swap(ref, found, record, text))) throw new RecordExists(ref, this.url);
    } finally {
      wipeRecord(found.record);
    }
  }

  /**
   * Makes a secret, with the policy of all of them. A run that is killed between the two leaves it without; the next that takes its name over or archives it puts it on.
   * @returns `false` when there is one of that name
   */
  private async make(ref: RecordRef, name: string, text: string, tags: Tags): Promise<boolean> {
    const arn = await this.api.create(name, text, { kms: await this.keyOfNew(ref), tags });
    if (arn === undefined) return false;
    await this.guard(name, arn);
    return true;
  }

  private async keyOfNew(ref: RecordRef): Promise<string | null> {
    const { place, kms, clock } = this;
    if (place.kms !== ownKms) return place.kms;
    const alone = async <T>(work: () => Promise<T>): Promise<T> => {
      const held = await this.take("own-key.lock", changeWaitMs, ref);
      try {
        return await work();
      } finally {
        held.release();
      }
    };
    return ownKey({ place, kms, clock, alone });
  }

  private guard(name: string, arn: string): Promise<void> {
    return this.api.guard(name, JSON.stringify(secretPolicy(accountOf(arn))));
  }

  /**
   * Makes `text` the secret's value if what was found still is. The tag never says of a record in use that it is archived.
   * @returns whether it was
   */
  private async swap(ref: RecordRef, found: Found, record: SecretRecord, text: string): Promise<boolean> {
    const name = this.nameOf(ref);
    if (isArchived(found.record) && !isArchived(record)) await this.api.untag(name, [archivedTag]);
    // Of use most when nobody looks any more, and when the name has another's keys.
    if (isArchived(found.record) || isArchived(record)) await this.guard(name, found.value.arn);
    if (!(await this.promote(ref, name, found.value, text))) return false;
    if (isArchived(record)) await this.api.tag(name, { [archivedTag]: "true" });
    return true;
  }

  private async promote(ref: RecordRef, name: string, from: SecretValue, text: string): Promise<boolean> {
    const id = await this.api.put(name, text);
    if (id === "full") throw new SecretVersionsUsedUp(ref);
    return this.api.promote(name, from.versionId, id);
  }

  private async setAside(ref: RecordRef, { record, value }: Found): Promise<void> {
    const name = `${this.nameOf(ref)}.${record.address.toLowerCase()}.archived`;
    const tags = { "lightchain:record": ref, [archivedTag]: "true" };
    if (await this.make(ref, name, value.text, tags)) return;
    if ((await this.api.describe(name))?.deleted) await this.api.restore(name);
    const there = await this.api.current(name);
    if (there === undefined || there === "deleted") throw new RecordDamaged(ref, name, "its secret has no value");
    await this.guard(name, there.arn);
    // An interrupted create left the same; or these very keys were archived twice.
    if (there.text !== value.text) await this.promote(ref, name, there, value.text);
  }

  private async load(ref: RecordRef): Promise<Found | undefined> {
    const name = this.nameOf(ref);
    const value = await this.api.current(name);
    if (value === "deleted") throw await this.unreadable(ref, name);
    if (value === undefined) return undefined;
    return { ...openOrDamaged(ref, this.url, () => decodeVersioned(value.text, ref)), value };
  }

  private async unreadable(ref: RecordRef, name: string): Promise<Error> {
    const deleted = (await this.api.describe(name))?.deleted;
    return deleted === null || deleted === undefined
      ? new SecretsManagerUnavailable("secretsmanager:GetSecretValue", this.place.region, `AWS refuses to read ${name}`)
      : new SecretScheduledForDeletion(ref, name, this.place.region, deleted);
  }

  /** @throws SecretTooLarge LF1121 before anything is asked of AWS, whose own words would repeat the text */
  private textOf(ref: RecordRef, versioned: Versioned<SecretRecord>): string {
    const text = encodeVersioned(versioned);
    const bytes = Buffer.byteLength(text);
    if (bytes > longestSecretBytes) throw new SecretTooLarge(ref, bytes, versioned.record.sent.length);
    return text;
  }

  private nameOf(ref: RecordRef): string {
    return `${this.place.prefix}/${ref}`;
  }
}

/** Renames the backup of another worker, told by the address that it says in clear. @throws BackupNotKept LF1115 */
async function setOtherAside(path: string, { address }: BackedUp): Promise<void> {
  try {
    const [, , , other] = (await readIfPresent(path))?.split(":") ?? [];
    if (other !== undefined && other !== address) await rename(path, `${path}.${other.toLowerCase()}`);
  } catch (error) {
    if (isErrno(error, "EISDIR")) return; // no backup, and in the way of one: whoever writes it says so
    throw new BackupNotKept(path, "what lies there cannot be set aside", error);
  }
}
