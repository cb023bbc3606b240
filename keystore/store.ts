import type { HeldLock } from "../system/lock.js";
import type { BlockTime, Address, Hash, Hex } from "../schema/units.js";

/** Names a record within a store: `worker/<chain id>/<name>` or `treasury/<chain id>/<name>`. May appear in Pulumi state. */
export type RecordRef = `worker/${number}/${string}` | `treasury/${number}/${string}`;

/** A record with the version that a compare-and-set has to name. */
export interface Versioned<R> {
  readonly version: number;
  readonly record: R;
}

/** A signed transaction kept beside its key; `lifecycle/types.ts` `SentTx` in its stored form. */
export interface StoredTx {
  readonly purpose: string;
  readonly from: Address;
  readonly nonce: number;
  readonly hash: Hash;
  readonly raw: Hex;
  readonly lane: "plain" | "blob";
  readonly outcome: "open" | "mined" | "reverted" | "dead";
  readonly mined: { readonly block: bigint; readonly fee: bigint } | null;
}

/** Where a key's holder is, so that it is told from another host of the same name, and can be asked again later. */
export interface HolderPlace {
  /** The host's X25519 public key, hex: it is made on the host, so that another folder or machine has another. */
  readonly sealKey: string;
  /** How the host is reached, as JSON; `components/worker-reference.ts` reads it. */
  readonly reference: string;
}

/** Everything secret about one worker. Leaves the store only sealed to a host that may hold it, or to the operator's recovery key. */
export interface WorkerRecord {
  readonly kind: "worker";
  readonly chainId: number;
  readonly workerRegistry: Address;
  readonly name: string;
  /** secp256k1 private key, 32 bytes. */
  readonly signingKey: Uint8Array;
  /** P-256 private scalar, 32 bytes. */
  readonly encryptionKey: Uint8Array;
  readonly address: Address;
  /** 65 bytes, uncompressed. */
  readonly encryptionPublicKey: Hex;
  /** Where everything goes in the end. Fixed when the keys are made. */
  readonly refundTo: Address;
  /** Generation that is, or was last, registered. */
  readonly generation: number;
  /** Sticky: this generation is leaving or has left; only a higher one registers again. */
  readonly leaving: boolean;
  /** The treasury that funded it, written down before the first payment: whatever of it is still on its way is waited for before these keys are given up. */
  readonly fundedFrom?: { readonly store: string; readonly ref: string };
  /** Which host may sign, and how often that changed. */
  readonly epoch: number;
  readonly holder: string | null;
  /** Where the holder is; left out while there is none. */
  readonly holderAt?: HolderPlace;
  readonly registeredAt: { readonly number: bigint; readonly hash: Hash; readonly time: BlockTime } | null;
  readonly sent: readonly StoredTx[];
  /** Set when the chain proved that nothing is left to lose. An archived record is kept, sealed, and can be restored. */
  readonly archived: EmptyOnChain | null;
  /** Public half of the recovery key (X25519, 32 bytes) to which the store keeps a backup of this record by itself. Left out: it keeps none. */
  readonly recoveryKey?: Hex;
}

/** The account that funds. Its payments are serialised under its lock, across stacks too. */
export interface TreasuryRecord {
  readonly kind: "treasury";
  readonly chainId: number;
  readonly name: string;
  readonly signingKey: Uint8Array;
  readonly address: Address;
  readonly sent: readonly StoredTx[];
  /** What was taken off `sent` because it is over for good. Left out: nothing yet. */
  readonly former?: readonly FormerPayments[];
}

/** Payments to one generation of a worker that are no longer listed one by one: what later ones are limited by and numbered after. */
export interface FormerPayments {
  readonly worker: Address;
  readonly generation: number;
  /** The highest number that their purposes had. */
  readonly last: number;
  /** What arrived of them together, in wei. */
  readonly amount: bigint;
}

/** Everything that a store keeps. */
export type SecretRecord = WorkerRecord | TreasuryRecord;

/** What the chain said when a record was archived: not registered, no stake, no earnings, balance below the cost of moving it. */
export interface EmptyOnChain {
  readonly chainId: number;
  readonly block: bigint;
  readonly blockHash: Hash;
  /** Dust left behind, in wei. */
  readonly balance: bigint;
}

/** What of a record stays with whoever keeps it for us, and is billed, until a person deletes it there. */
export interface KeptRecord {
  readonly region: string;
  /** The secret's name. */
  readonly secret: string;
  /** The key that it is encrypted with, as it was named; an ARN where the store made it itself. `null`: the keeper's own. */
  readonly key: string | null;
  /** The alias of that key, where the store made it itself; else `null`. */
  readonly ownKey: string | null;
  /** When it is deleted, where somebody asked for that; `null`: nobody did. */
  readonly deletion: Date | null;
}

/** A record sealed to a recovery public key (X25519), as text that can be kept anywhere. */
export type SealedBackup = string & { readonly __backup: never };

/** Where secret records rest. Every change is a compare-and-set under a lock that holds across processes and checkouts. */
export interface SecretStore {
  /** How state and documents name this store, for instance `file:/home/me/.lightchain/keys`. */
  readonly url: string;
  /** @throws RecordExists LF1101 */
  create<R extends SecretRecord>(ref: RecordRef, record: R): Promise<Versioned<R>>;
  /** @throws RecordMissing LF1102, WrongPassphrase LF1103, RecordDamaged LF1104 */
  read<K extends SecretRecord["kind"]>(ref: RecordRef, kind: K): Promise<Versioned<Extract<SecretRecord, { kind: K }>>>;
  /** Whether there is a record, archived ones included. Needs no passphrase. */
  has(ref: RecordRef): Promise<boolean>;
  /** Replaces the record if its version is still `expected`. @throws VersionConflict LF1105 */
  update<R extends SecretRecord>(ref: RecordRef, expected: number, record: R): Promise<Versioned<R>>;
  /** Exclusive use of a record for longer than one change: a payment, a create. @throws RecordLocked LF1106 after `waitMs` */
  lock(ref: RecordRef, waitMs: number): Promise<HeldLock>;
  /** Exclusive use of all that a record stands for, while a run works on it; within it the record itself may be locked. @throws RecordLocked LF1106 after `waitMs` */
  turn(ref: RecordRef, waitMs: number): Promise<HeldLock>;
  /** Marks a worker's record as done with. Kept sealed, never deleted. */
  archive(ref: RecordRef, proof: EmptyOnChain): Promise<void>;
  /** What stays of a record beyond machines of the operator's own; `null`: nothing. */
  kept(ref: RecordRef): Promise<KeptRecord | null>;
  /**
   * Where the backup lies that the store keeps of a record by itself, when the record names a recovery key: of a file store a path. Kept up to date by `create`,
   * `update` and `archive`, which change nothing when it cannot be written.
   */
  backupPath(ref: RecordRef): string;
  /** @param recoveryKey X25519 public key, 32 bytes */
  backup(ref: RecordRef, recoveryKey: Uint8Array): Promise<SealedBackup>;
  /** Writes a backed-up record into this store. @throws RecordExists, BackupUnreadable LF1107 */
  restore(backup: SealedBackup, recoverySecret: Uint8Array): Promise<RecordRef>;
}

/** Signs with one key, wherever that key lives: in this process today, behind a policy signer later. */
export interface Signer {
  readonly address: Address;
  /** RLP bytes of the signed transaction; of a blob transaction without its sidecar, which no signature covers. */
  signTransaction(transaction: SignableTransaction): Promise<Hex>;
  /** EIP-191 personal_sign over raw bytes; 65 bytes with v 27/28. */
  signMessage(message: Uint8Array): Promise<Hex>;
}

/** The two transaction classes a worker ever sends (contracts reference §6.1). */
export type SignableTransaction =
  | {
      readonly type: "legacy";
      readonly chainId: number;
      readonly nonce: number;
      readonly gasPrice: bigint;
      readonly gas: bigint;
      readonly to: Address;
      readonly value: bigint;
      readonly data: Hex;
    }
  | {
      readonly type: "eip4844";
      readonly chainId: number;
      readonly nonce: number;
      readonly maxFeePerGas: bigint;
      readonly maxPriorityFeePerGas: bigint;
      readonly maxFeePerBlobGas: bigint;
      readonly gas: bigint;
      readonly to: Address;
      readonly value: bigint;
      readonly data: Hex;
      readonly blobVersionedHashes: readonly Hex[];
    };
