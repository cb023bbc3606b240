import { access, open } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../system/clock.js";
import { isDiskFull } from "../system/disk.js";
import { ensureFolder, isErrno } from "../system/files.js";
import { lock, type HeldLock } from "../system/lock.js";
import { openBackup, sealBackup } from "./backup.js";
import { RecordDamaged, RecordLocked, StoreNotWritable } from "./errors.js";
import { changesBackup, isBackedUp, keepBackup } from "./kept-backup.js";
import { parseRef, refOf } from "./record-codec.js";
import type { EmptyOnChain, KeptRecord, RecordRef, SecretRecord, SecretStore, Versioned } from "./store.js";

/** Longest a single change waits for another one: each takes milliseconds, or a few calls over the network, so a longer wait means something hangs. */
export const changeWaitMs = 30_000;

/**
 * What every store does alike, wherever its records rest: locks across this machine's processes and the backups it keeps by itself are files in a folder here.
 */
export abstract class RecordStore implements SecretStore {
  abstract readonly url: string;

  protected constructor(
    /** On this machine: locks and backups. */
    protected readonly folder: string,
    protected readonly clock: Clock,
  ) {}

  abstract create<R extends SecretRecord>(ref: RecordRef, record: R): Promise<Versioned<R>>;
  abstract has(ref: RecordRef): Promise<boolean>;
  protected abstract open(ref: RecordRef): Promise<Versioned<SecretRecord>>;
  /** Replaces the record if its version is still `expected`, and keeps its backup before. Called while no other process here changes it. */
  protected abstract replace<R extends SecretRecord>(
    ref: RecordRef,
    expected: number,
    record: R,
  ): Promise<Versioned<R>>;

  async read<K extends SecretRecord["kind"]>(
    ref: RecordRef,
    kind: K,
  ): Promise<Versioned<Extract<SecretRecord, { kind: K }>>> {
    const { version, record } = await this.open(ref);
    if (!isKind(record, kind)) throw new RangeError(`${ref} is no ${kind}`);
    return { version, record };
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

  /** A file is its owner's own. */
  async kept(ref: RecordRef): Promise<KeptRecord | null> {
    parseRef(ref);
    return null;
  }

  backupPath(ref: RecordRef): string {
    return join(this.folder, `${fileNameOf(ref)}.backup`);
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

  /** Runs one change of a record while nobody else in any process here changes it. */
  protected async changing<T>(ref: RecordRef, change: () => Promise<T>): Promise<T> {
    const held = await this.take(`${fileNameOf(ref)}.change`, changeWaitMs, ref);
    try {
      return await change();
    } finally {
      held.release();
    }
  }

  /** Before the record: a change whose backup cannot be written is not made. */
  protected async keepBackup(ref: RecordRef, before: SecretRecord | undefined, after: SecretRecord): Promise<void> {
    if (!isBackedUp(after)) return;
    const path = this.backupPath(ref);
    if (changesBackup(before, after) || !(await isThere(path))) await keepBackup(after, path);
  }

  protected async take(lockName: string, waitMs: number, ref: RecordRef): Promise<HeldLock> {
    const path = join(this.folder, lockName);
    await this.writing(async () => {
      await ensureFolder(this.folder, "private");
      await (await open(path, "a", 0o600)).close();
    });
    const held = await this.writing(() => lock(path, waitMs, this.clock)); // a lock is written too
    if (held === undefined) throw new RecordLocked(ref, this.url, waitMs);
    return held;
  }

  protected async writing<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDiskFull(error) || (error instanceof Error && "errno" in error))
        throw new StoreNotWritable(this.folder, error);
      throw error;
    }
  }
}

/** Whether a worker's record is marked as done with. */
export const isArchived = (record: SecretRecord): boolean => record.kind === "worker" && record.archived !== null;

/** What a record's files on this machine are called. */
export function fileNameOf(ref: RecordRef): string {
  const { kind, chainId, name } = parseRef(ref);
  return `${kind}-${chainId}-${name}`;
}

/** @throws RangeError when the record is another one's, or its name is none */
export function checkRef(ref: RecordRef, record: SecretRecord): void {
  parseRef(ref);
  if (refOf(record) !== ref) throw new RangeError(`${refOf(record)} cannot be kept as ${ref}`);
}

/** Whether there is a file or folder of that name. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return false;
    throw error;
  }
}

/** Reads what rests in a store. @throws RecordDamaged LF1104 */
export function openOrDamaged<T>(ref: RecordRef, place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RecordDamaged(ref, place, error instanceof SyntaxError ? "it is no JSON" : reasonOf(error), error);
  }
}

/** Only our own short sentences: a schema's message could repeat what it refused. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.constructor === Error ? error.message : "its fields are not those of a record";

const isKind = <K extends SecretRecord["kind"]>(
  record: SecretRecord,
  kind: K,
): record is Extract<SecretRecord, { kind: K }> => record.kind === kind;
