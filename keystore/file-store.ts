import { access, open, readdir, rename } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Clock } from "../system/clock.js";
import { isDiskFull } from "../system/disk.js";
import { ensureFolder, isErrno, readIfPresent, writeAtomically } from "../system/files.js";
import { lock, type HeldLock } from "../system/lock.js";
import { openBackup, sealBackup } from "./backup.js";
import { RecordDamaged, RecordExists, RecordLocked, RecordMissing } from "./errors.js";
import { StoreNotWritable, VersionConflict, WrongPassphrase } from "./errors.js";
import { defaultKdf, newSalt, stretch, type Kdf, type PassphraseSource, type StretchedKey } from "./kdf.js";
import { changesBackup, isBackedUp, keepBackup } from "./kept-backup.js";
import { parseRef, refOf, wipeRecord } from "./record-codec.js";
import {
  isOpenedBy,
  openSealed,
  readSealed,
  sealingOf,
  sealRecord,
  type SealedFile,
  type Sealing,
} from "./sealed-file.js";
import type { EmptyOnChain, RecordRef, SecretRecord, SecretStore, Versioned } from "./store.js";

/**
 * The store on the operator's own disk: one file a record, sealed with a passphrase (scrypt and secretbox). The folder is made when the first record
 * is; folders are 0700 and files 0600. Its url is `file:<absolute path>`.
 *
 * @param kdf what new records are sealed with. Default {@link defaultKdf}
 */
export function openFileStore(
  folder: string,
  passphrase: PassphraseSource,
  clock: Clock,
  kdf: Kdf = defaultKdf,
): SecretStore {
  return new FileStore(isAbsolute(folder) ? resolve(folder) : resolve(process.cwd(), folder), passphrase, clock, kdf);
}

/** Longest a single change waits for another one: each takes milliseconds, so a longer wait means something hangs. */
const changeWaitMs = 30_000;

class FileStore implements SecretStore {
  readonly url: string;

  constructor(
    private readonly folder: string,
    private readonly passphrase: PassphraseSource,
    private readonly clock: Clock,
    private readonly kdf: Kdf,
  ) {
    this.url = `file:${folder}`;
  }

  async create<R extends SecretRecord>(ref: RecordRef, record: R): Promise<Versioned<R>> {
    checkRef(ref, record);
    // One lock for all creates of a store: the second of two first records must see, and use, the first one's passphrase.
    const store = await this.take("store.lock", changeWaitMs, ref);
    try {
      return await this.changing(ref, async () => {
        const existing = await this.load(ref);
        if (existing !== undefined && !existing.archived) throw new RecordExists(ref, this.url);
        const { sealing, stretched } = await this.sealingForNew();
        const text = sealRecord(record, 1, sealing, stretched);
        await this.keepBackup(ref, undefined, record);
        if (existing !== undefined) await this.setAside(ref, existing);
        await this.write(ref, text);
        return { version: 1, record };
      });
    } finally {
      store.release();
    }
  }

  async read<K extends SecretRecord["kind"]>(
    ref: RecordRef,
    kind: K,
  ): Promise<Versioned<Extract<SecretRecord, { kind: K }>>> {
    const { version, record } = await this.open(ref);
    if (!isKind(record, kind)) throw new RangeError(`${ref} is no ${kind}`);
    return { version, record };
  }

  has(ref: RecordRef): Promise<boolean> {
    return isThere(this.fileOf(ref));
  }

  backupPath(ref: RecordRef): string {
    return join(this.folder, `${fileNameOf(ref)}.backup`);
  }

  async update<R extends SecretRecord>(ref: RecordRef, expected: number, record: R): Promise<Versioned<R>> {
    checkRef(ref, record);
    return this.changing(ref, () => this.replace(ref, expected, record));
  }

  async lock(ref: RecordRef, waitMs: number): Promise<HeldLock> {
    return this.take(`${fileNameOf(ref)}.lease`, waitMs, ref);
  }

  async turn(ref: RecordRef, waitMs: number): Promise<HeldLock> {
    return this.take(`${fileNameOf(ref)}.turn`, waitMs, ref);
  }

  async archive(ref: RecordRef, proof: EmptyOnChain): Promise<void> {
    await this.changing(ref, async () => {
      const { version, record } = await this.open(ref);
      if (record.kind !== "worker" || record.chainId !== proof.chainId)
        throw new RangeError(`the proof for chain ${proof.chainId} does not fit ${ref}`);
      await this.replace(ref, version, { ...record, archived: proof });
    });
  }

  async backup(ref: RecordRef, recoveryKey: Uint8Array): ReturnType<SecretStore["backup"]> {
    return sealBackup((await this.open(ref)).record, recoveryKey);
  }

  async restore(...[backup, recoverySecret]: Parameters<SecretStore["restore"]>): Promise<RecordRef> {
    const record = openBackup(backup, recoverySecret);
    const ref = refOf(record);
    await this.create(ref, record);
    return ref;
  }

  /** Runs one change of a record while nobody else in any process changes it. */
  private async changing<T>(ref: RecordRef, change: () => Promise<T>): Promise<T> {
    const held = await this.take(`${fileNameOf(ref)}.change`, changeWaitMs, ref);
    try {
      return await change();
    } finally {
      held.release();
    }
  }

  private async replace<R extends SecretRecord>(ref: RecordRef, expected: number, record: R): Promise<Versioned<R>> {
    const file = await this.loadExisting(ref);
    const stretched = await this.unlock(ref, file);
    const found = openOrDamaged(ref, this.fileOf(ref), () => openSealed(file, stretched));
    try {
      if (file.revision !== expected) throw new VersionConflict(ref, expected, file.revision);
      const text = sealRecord(record, expected + 1, sealingOf(file), stretched);
      await this.keepBackup(ref, found, record);
      await this.write(ref, text);
    } finally {
      wipeRecord(found);
    }
    return { version: expected + 1, record };
  }

  /** Before the record: a change whose backup cannot be written is not made. */
  private async keepBackup(ref: RecordRef, before: SecretRecord | undefined, after: SecretRecord): Promise<void> {
    if (!isBackedUp(after)) return;
    const path = this.backupPath(ref);
    if (changesBackup(before, after) || !(await isThere(path))) await keepBackup(after, path);
  }

  private async open(ref: RecordRef): Promise<Versioned<SecretRecord>> {
    const file = await this.loadExisting(ref);
    const stretched = await this.unlock(ref, file);
    return {
      version: file.revision,
      record: openOrDamaged(ref, this.fileOf(ref), () => openSealed(file, stretched)),
    };
  }

  private async loadExisting(ref: RecordRef): Promise<SealedFile> {
    const file = await this.load(ref);
    if (file === undefined) throw new RecordMissing(ref, this.url);
    return file;
  }

  private async load(ref: RecordRef): Promise<SealedFile | undefined> {
    const path = this.fileOf(ref);
    const text = await readIfPresent(path);
    return text === undefined ? undefined : openOrDamaged(ref, path, () => readSealed(text, ref));
  }

  private async unlock(ref: RecordRef, file: SealedFile): Promise<StretchedKey> {
    const stretched = await this.stretched(sealingOf(file));
    if (!isOpenedBy(file, stretched)) throw new WrongPassphrase(ref, this.url);
    return stretched;
  }

  private async stretched({ salt, kdf }: Sealing): Promise<StretchedKey> {
    const passphrase = await this.passphrase();
    try {
      return await stretch(passphrase, salt, kdf);
    } finally {
      passphrase.fill(0);
    }
  }

  /**
   * All records of a store are sealed alike, so that one passphrase opens all of them: a mistyped one is refused here, before keys are
   * sealed with what nobody will ever type again.
   */
  private async sealingForNew(): Promise<{ sealing: Sealing; stretched: StretchedKey }> {
    for (const name of (await readdir(this.folder)).filter((file) => file.endsWith(recordEnding)).sort()) {
      const other = refOfFile(name);
      const neighbour = other && (await this.neighbour(other));
      if (neighbour) return { sealing: sealingOf(neighbour), stretched: await this.unlock(other, neighbour) };
    }
    const sealing = { kdf: this.kdf, salt: newSalt() };
    return { sealing, stretched: await this.stretched(sealing) };
  }

  /** A record beside the one that is made; a damaged one says nothing about the passphrase. */
  private async neighbour(ref: RecordRef): Promise<SealedFile | undefined> {
    try {
      return await this.load(ref);
    } catch (error) {
      if (error instanceof RecordDamaged) return undefined;
      throw error;
    }
  }

  /** Keeps an archived record, under a name with its address, when another worker takes its name. */
  private async setAside(ref: RecordRef, file: SealedFile): Promise<void> {
    const kept = join(this.folder, `${fileNameOf(ref)}.${file.address.toLowerCase()}.archived`);
    await rename(this.fileOf(ref), kept);
  }

  private async write(ref: RecordRef, text: string): Promise<void> {
    await this.writing(() => writeAtomically(this.fileOf(ref), text, "private"));
  }

  private async take(lockName: string, waitMs: number, ref: RecordRef): Promise<HeldLock> {
    const path = join(this.folder, lockName);
    await this.writing(async () => {
      await ensureFolder(this.folder, "private");
      await (await open(path, "a", 0o600)).close();
    });
    const held = await this.writing(() => lock(path, waitMs, this.clock)); // a lock is written too
    if (held === undefined) throw new RecordLocked(ref, this.url, waitMs);
    return held;
  }

  private async writing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDiskFull(error) || (error instanceof Error && "errno" in error))
        throw new StoreNotWritable(this.folder, error);
      throw error;
    }
  }

  private fileOf(ref: RecordRef): string {
    return join(this.folder, `${fileNameOf(ref)}${recordEnding}`);
  }
}

const recordEnding = ".json";

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return false;
    throw error;
  }
}

function fileNameOf(ref: RecordRef): string {
  const { kind, chainId, name } = parseRef(ref);
  return `${kind}-${chainId}-${name}`;
}

function refOfFile(fileName: string): RecordRef | undefined {
  const [, kind, chainId, name] = /^(worker|treasury)-([0-9]+)-(.+)\.json$/.exec(fileName) ?? [];
  return kind === undefined || chainId === undefined || name === undefined
    ? undefined
    : (`${kind}/${chainId}/${name}` as RecordRef);
}

function checkRef(ref: RecordRef, record: SecretRecord): void {
  if (refOf(record) !== ref) throw new RangeError(`${refOf(record)} cannot be kept as ${ref}`);
}

const isKind = <K extends SecretRecord["kind"]>(
  record: SecretRecord,
  kind: K,
): record is Extract<SecretRecord, { kind: K }> => record.kind === kind;

function openOrDamaged<T>(ref: RecordRef, place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RecordDamaged(ref, place, error instanceof SyntaxError ? "it is no JSON" : reasonOf(error), error);
  }
}

/** Only our own short sentences: a schema's message could repeat what it refused. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.constructor === Error ? error.message : "its fields are not those of a record";
