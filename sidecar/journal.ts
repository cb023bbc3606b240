import type { SentTx } from "../lifecycle/types.js";
import type { FleetError } from "../schema/errors.js";
import type { Serving } from "../schema/control.js";
import type { BlockTime, Hash, Hex, JobId, ModelId, RequestId, SessionId } from "../schema/units.js";

/**
 * A job's way, forward only. Each state is written before the outside world can see the step it names.
 *
 * `acking`: the acknowledgement may be on its way. `answered`: the one ciphertext is stored; there will never be another. `signed`: its signature is stored too.
 * `publishing`: the terminal frame may have been seen. `blobbing`/`completing`: that transaction may be on its way.
 */
export const jobStates = [
  "seen",
  "admitted",
  "acking",
  "acked",
  "answered",
  "signed",
  "publishing",
  "blobbing",
  "completing",
  "completed",
  "releasable",
  "released",
  "lost",
  "forfeited",
] as const;
/** Where a job stands; docs/sidecar.md tells its way. */
export type JobState = (typeof jobStates)[number];

/** A job as the journal has it. */
export interface JobRow {
  readonly id: JobId;
  readonly session: SessionId;
  readonly model: ModelId;
  readonly state: JobState;
  readonly submitBlock: bigint;
  /** The one answer, encrypted; present from `answered` on. */
  readonly ciphertext: Uint8Array | null;
  readonly chunks: number;
  readonly signature: Hex | null;
  readonly versionedHash: Hash | null;
  /** Why it ended, for `lost` and `forfeited`. */
  readonly cause: string | null;
}

/** Thrown when a row would go backwards or a second ciphertext would be stored: always a bug, never retried. */
export class JournalViolation extends Error {}

/** The sidecar's durable memory: SQLite, every write on disk before it returns. Schema changes only add. */
export interface Journal {
  /** Writes a job down once. @returns false when it was known already */
  see(job: { id: JobId; session: SessionId; model: ModelId; submitBlock: bigint }): boolean;
  job(id: JobId): JobRow | undefined;
  /** Jobs that are not at their end, oldest first. */
  openJobs(): readonly JobRow[];
  /** Moves a job forward, with what belongs to the new state. @throws JournalViolation */
  advance(id: JobId, to: JobState, details?: JobDetails): void;

  /** A claim that was decided on: survives a crash between sending and reading the result. `adopted`: its session was counted, or it expired. */
  claim(request: RequestId, outcome: "claiming" | "claimed" | "adopted" | "lost"): void;
  claims(outcome: "claiming" | "claimed"): readonly RequestId[];

  /** Stores signed bytes before they are sent. */
  recordSent(transaction: SentTx): void;
  settle(hash: Hash, outcome: SentTx["outcome"], mined: SentTx["mined"]): void;
  /** All bytes ever signed for a purpose, replacements included, oldest first. */
  sentFor(purpose: SentTx["purpose"]): readonly SentTx[];
  openTransactions(): readonly SentTx[];
  /** Without blob bytes of decided ones, which are dropped when decided. */
  allTransactions(): readonly SentTx[];

  cursor(name: "requests" | "jobs"): bigint | undefined;
  moveCursor(name: "requests" | "jobs", block: bigint): void;

  /** What `live` last asked for; survives restarts. */
  serving(): Serving | undefined;
  setServing(serving: Serving): void;
  /** The newest epoch this journal served under, the key's nonce on chain when that began, and since when if a former holder came before it. */
  epoch(): { readonly epoch: number; readonly nonce: number; readonly since: BlockTime | null } | undefined;
  /** @throws JournalViolation when it would fall */
  setEpoch(epoch: number, nonce: number, since: BlockTime | null): void;
  /** Leaving this generation (sticky). 0: not leaving. */
  leavingGeneration(): number;
  setLeaving(generation: number): void;
  leftGeneration(): number;
  setLeft(generation: number): void;
  /** Fingerprint of the models and host that passed the rehearsal. */
  rehearsal(): string | undefined;
  setRehearsal(fingerprint: string): void;
  registeredAt(): { number: bigint; hash: Hash } | undefined;
  setRegisteredAt(block: { number: bigint; hash: Hash }): void;
  /** Offences acknowledged by the operator; more on chain than this stop claiming. */
  acknowledgedOffences(): bigint;
  setAcknowledgedOffences(count: bigint): void;

  /** Why a write failed; `null` while writes succeed. Stays until {@link probe} finds that the largest write there is succeeds again. */
  readonly trouble: FleetError | null;
  /** While there is trouble, tries whether it is over. Never throws. */
  probe(): void;

  close(): void;
}
/** What a job gains on its way. */
export interface JobDetails {
  readonly ciphertext?: Uint8Array;
  readonly chunks?: number;
  readonly signature?: Hex;
  readonly versionedHash?: Hash;
  readonly cause?: string;
}
