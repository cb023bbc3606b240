import { readdir, rename } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { Clock } from "../system/clock.js";
import { readIfPresent, writeAtomically } from "../system/files.js";
import { RecordDamaged, RecordExists, RecordMissing, VersionConflict, WrongPassphrase } from "./errors.js";
import { defaultKdf, newSalt, stretch, type Kdf, type PassphraseSource, type StretchedKey } from "./kdf.js";
import { wipeRecord } from "./record-codec.js";
import { changeWaitMs, checkRef, fileNameOf, isThere, openOrDamaged, RecordStore } from "./record-store.js";
import {
  isOpenedBy,
  openSealed,
  readSealed,
  sealingOf,
  sealRecord,
  type SealedFile,
  type Sealing,
} from "./sealed-file.js";
import type { RecordRef, SecretRecord, SecretStore, Versioned } from "./store.js";

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

class FileStore extends RecordStore {
  readonly url: string;

  constructor(
    folder: string,
    private readonly passphrase: PassphraseSource,
    clock: Clock,
    private readonly kdf: Kdf,
  ) {
    super(folder, clock);
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

  has(ref: RecordRef): Promise<boolean> {
    return isThere(this.fileOf(ref));
  }

  protected async replace<R extends SecretRecord>(ref: RecordRef, expected: number, record: R): Promise<Versioned<R>> {
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

  protected async open(ref: RecordRef): Promise<Versioned<SecretRecord>> {
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

  private fileOf(ref: RecordRef): string {
    return join(this.folder, `${fileNameOf(ref)}${recordEnding}`);
  }
}

const recordEnding = ".json";

function refOfFile(fileName: string): RecordRef | undefined {
  const [, kind, chainId, name] = /^(worker|treasury)-([0-9]+)-(.+)\.json$/.exec(fileName) ?? [];
  return kind === undefined || chainId === undefined || name === undefined
    ? undefined
    : (`${kind}/${chainId}/${name}` as RecordRef);
}
