import type { Job, Session, SessionRequest } from "../abi/job.js";
import type { Signer } from "../keystore/store.js";
import type { BlockRef, Call, ChainRules, Mined, Observed, Sender } from "../lifecycle/types.js";
import type { ProofKind } from "../protocol/blob-transaction.js";
import type { GenerationCounts } from "../protocol/ollama-stream.js";
import type { ChatMessage, ConversationPrompt, TextPrompt } from "../protocol/prompt.js";
import type {
  Address,
  BlockTime,
  Hash,
  Hex,
  JobId,
  ModelId,
  ModelName,
  RequestId,
  SessionId,
} from "../schema/units.js";

/*
 * The sidecar's ports. Everything above them is deterministic given them: no clock, chance, network or environment anywhere else in sidecar/ (a lint rule
 * holds this), so that the simulator can own time and order. Real adapters live in sidecar/adapters, simulated ones in test/simulation.
 */

/** Takes a listener off. */
export type Unsubscribe = () => void;

/** A `SessionRequested` log. */
export interface RequestSeen {
  readonly request: RequestId;
  readonly model: ModelId;
  readonly block: bigint;
}
/** A `JobSubmitted` log whose worker is us. */
export interface JobSeen {
  readonly job: JobId;
  readonly session: SessionId;
  readonly block: bigint;
}

/** Reads of the chain. Every method rejects with `ChainUnavailable` when the node cannot be asked; none retries for longer than a second or two. */
export interface Chain {
  readonly chainId: number;
  /** The newest block. */
  head(): Promise<BlockRef>;
  /** Calls back on each new head, pushed or polled, in order, at least once a poll interval while the node answers. */
  onHead(listener: (head: BlockRef) => void): Unsubscribe;
  /** Why the node did not tell the newest block when it was last looked for; `null` when it did. A step that waits for the chain says nothing by itself. */
  readonly trouble: unknown;
  job(id: JobId): Promise<Job>;
  session(id: SessionId): Promise<Session>;
  request(id: RequestId): Promise<SessionRequest>;
  /** Mask a request needs; 0 where the getter is absent. */
  requiredCapabilities(id: RequestId): Promise<bigint>;
  ownCapabilities(): Promise<bigint>;
  eligibleNow(id: RequestId): Promise<boolean>;
  /** Both inclusive; the adapter splits into chunks. */
  requestsBetween(from: bigint, to: bigint): Promise<readonly RequestSeen[]>;
  jobsBetween(from: bigint, to: bigint): Promise<readonly JobSeen[]>;
  /** Earlier jobs of a session: `JobSubmitted` in the look-back before `submitBlock`, ids below `before`, ascending (sidecar reference §3.3). */
  earlierJobs(session: SessionId, before: JobId, submitBlock: bigint): Promise<readonly JobId[]>;
  /** Transactions of ours to ourselves that carry one blob, by block; both ends inclusive. */
  ownBlobs(from: bigint, to: bigint): Promise<readonly OwnBlob[]>;
  /**
   * The block of a job's completion, from its log, both ends inclusive; `null` when it was not completed in there. For jobs that do not tell it themselves (17
   * words; consumer reference §4).
   */
  completionBlock(job: JobId, from: bigint, to: bigint): Promise<bigint | null>;
  /** Everything `lifecycle/plan` needs, at one block. */
  observe(about: ObserveOptions): Promise<Observed>;
}
/** A blob that this worker's key has published. */
export interface OwnBlob {
  readonly hash: Hash;
  readonly block: bigint;
  readonly time: BlockTime;
}
/** What an observation is told, because the chain does not know it. */
export interface ObserveOptions {
  readonly models: readonly ModelId[];
  readonly since: bigint | null;
  readonly server: Observed["server"];
  readonly rehearsed: boolean;
  readonly leftGeneration: number;
}

/** The node as the transaction manager needs it. */
export interface Node {
  readonly chainId: number;
  /** Number of the newest block. How deep a transaction lies is counted from it. */
  blockNumber(): Promise<bigint>;
  nonces(): Promise<{ latest: number; pending: number }>;
  /** wei per gas. */
  gasPrice(): Promise<bigint>;
  priorityFee(): Promise<bigint>;
  /** Units of gas, without head-room. @throws EstimateRefused when it would revert or the balance does not cover it */
  estimate(call: { to: Address; data: Hex; value: bigint }): Promise<bigint>;
  balance(): Promise<bigint>;
  /** @throws BroadcastRefused (certainly not in a pool) or BroadcastUnclear (ask the chain) */
  broadcast(raw: Hex): Promise<Hash>;
  /** Which proofs the newest block's rules ask of a blob's sidecar; `null` when the node does not say (`eth_config`, EIP-7910). */
  blobProofs(): Promise<ProofKind | null>;
  /** `null` while it is not mined. */
  receipt(hash: Hash): Promise<Receipt | null>;
  /** Whether the node knows it, mined or pending. */
  knows(hash: Hash): Promise<boolean>;
}
/** How a transaction of ours ended. */
export interface Receipt {
  readonly hash: Hash;
  readonly block: bigint;
  readonly status: "success" | "reverted";
  readonly gasUsed: bigint;
  /** Everything it cost beside its value, blob gas included (wei). */
  readonly fee: bigint;
}

/** Why a node did not take a transaction for certain: nothing is in a pool, the nonce is free. `proofs`: its sidecar has the other kind of proofs than are asked for. */
export type RefusalKind =
  "nonceTooLow" | "nonceTooHigh" | "reserved" | "underpriced" | "replacementUnderpriced" | "funds" | "proofs" | "other";

/** The one sender of the worker's key: two lanes that take turns, bytes stored before they are sent (`sidecar/transactions`). */
export interface Transactions extends Sender {
  send(call: Call, signal?: AbortSignal, urgency?: Urgency): Promise<Mined>;
  /** Mines one blob with this payload, from us to us. Same purpose again: the same blob is followed, never a second one. */
  publish(answer: {
    purpose: Call["purpose"];
    payload: Uint8Array;
    signal?: AbortSignal;
  }): Promise<Mined & { versionedHash: Hash }>;
  /** Takes up what the journal says was sent and is undecided. Called once at start, before anything is sent. */
  recover(): Promise<void>;
  /** Who has used the key, as far as the chain and the journal tell. */
  useOfKey(): Promise<KeyUse>;
  /** Follows nothing any more; what is open stays so in the journal. Waiting callers are rejected. */
  close(): Promise<void>;
}
/**
 * `foreign`: the chain's nonce is ahead of everything that the journal knows and the epoch vouches for: another holder has signed, or the journal is old. `unclear`: the
 * last nonce that was used is one we have signed for, and none of our bytes has a receipt (yet).
 */
export type KeyUse = "ours" | "unclear" | "foreign";
/** What goes first when lanes are busy: acknowledgements and completions before claims, claims before releases and the rest. */
export type Urgency = "job" | "claim" | "settlement";

/** Blobs of the network. */
export interface Blobs {
  /** Loads the trusted setup; the sidecar is not ready before. */
  warmUp(): Promise<void>;
  /** Finds the blob with this hash in `block` or up to 100 before it, unpacks it (sidecar reference §4.2). @throws BlobNotFound, BeaconUnavailable, KzgUnavailable */
  fetch(hash: Hash, block: bigint, signal?: AbortSignal): Promise<Uint8Array>;
  /** Packs a payload and commits to it, off the main thread. @throws PayloadTooLarge, KzgUnavailable */
  build(payload: Uint8Array): Promise<BuiltBlob>;
  /** The proof of a blob, or of each of its cells, off the main thread: a tenth of a second, or half of one. @throws KzgUnavailable */
  prove(blob: Pick<BuiltBlob, "blob" | "commitment">, kind: ProofKind): Promise<readonly Hex[]>;
}
/** A blob, and what goes with it. */
export interface BuiltBlob {
  readonly blob: Hex;
  readonly commitment: Hex;
  readonly versionedHash: Hash;
}

/** How the network gives sessions to workers: they claim them, or a dispatcher names them. */
export type Selection = ChainRules["mode"];

/** The worker gateway. Logs in by itself, again when the token is about to end and once on a 401. */
export interface Gateway {
  /** First login. @throws GatewayRefused (for instance 403: not registered), GatewayUnavailable */
  login(): Promise<void>;
  heartbeat(beat: { activeJobs: number; maxJobs: number; models: readonly ModelId[] }): Promise<void>;
  /** Marks the worker as draining. */
  drain(): Promise<void>;
  undrain(): Promise<void>;
  /** Opens the response stream and keeps it open until `close`. In dispatcher mode there is none: answers leave by HTTP. */
  open(): void;
  /** Queues a chunk or metadata frame; dropped when the queue is full. */
  offer(frame: Frame): void;
  /** Delivers a terminal frame: by the stream if it is open, else by HTTP. Resolves once written or accepted. */
  deliver(frame: CompleteFrame): Promise<void>;
  readonly connected: boolean;
  close(): Promise<void>;
}
/** A piece of an answer on its way to the consumer. */
export interface Frame {
  readonly type: "chunk" | "metadata";
  readonly kind?: "text" | "reasoning" | "stats";
  readonly job: JobId;
  readonly session: SessionId;
  readonly seq: number;
  readonly totalChunks: number;
  readonly payload: Uint8Array;
}
/** An answer's end: all of it, signed. */
export interface CompleteFrame {
  readonly job: JobId;
  readonly session: SessionId;
  readonly seq: number;
  readonly totalChunks: number;
  readonly payload: Uint8Array;
  /** 65 bytes with recovery byte 0/1. */
  readonly signature: Hex;
}

/** A job that the dispatcher offers. It is believed only where the chain says the same. */
export interface JobOffer {
  readonly job: JobId;
  readonly session: SessionId;
  readonly worker: Address;
  /** Earlier jobs of the session as the dispatcher has them; `null` where it does not say. */
  readonly priorJobs: readonly JobId[] | null;
}

/**
 * The dispatcher's stream of jobs (sidecar reference §5.5), the fast way to what the chain tells as well. Nothing rests on it: what is lost here is offered again,
 * or found on the chain.
 */
export interface JobStream {
  /** Connects, and again whenever the connection is lost, until `close`. Each connection begins with how many jobs are worked on at once. */
  open(slots: number): void;
  /** Calls back on each offer, repeated ones included. */
  onOffer(listener: (offer: JobOffer) => void): Unsubscribe;
  /** Tells that a job was taken. Lost while there is no connection. */
  ack(job: JobId): void;
  /** Tells that a job is at its end, and why it was not answered; `null` when it was. Lost while there is no connection. */
  done(job: JobId, error: string | null): void;
  readonly connected: boolean;
  close(): Promise<void>;
}

/** A model server. */
export interface Inference {
  /**
   * Streams the answer; ends with `done`. Aborting stops the model.
   * @param sample tokens, where the beginning of an answer will do, and thoughts too
   * @throws ModelMissing, InferenceUnavailable, InferenceFailed, EmptyAnswer
   */
  answer(prompt: InferencePrompt, model: ModelName, signal: AbortSignal, sample?: number): AsyncIterable<Delta>;
  /** Names it has, exactly as it lists them. @throws InferenceUnavailable */
  models(): Promise<readonly string[]>;
  /** Whether a model that is loaded now is on a GPU, wholly or in part; `null` while none is loaded. @throws InferenceUnavailable */
  usesGpu(): Promise<boolean | null>;
}
/** A prompt as it was decoded, with the turns before it; `protocol/ollama-request.ts` makes the one right call of it. */
export interface InferencePrompt {
  readonly prompt: TextPrompt | ConversationPrompt;
  readonly history: readonly ChatMessage[];
}
/** A piece of what a model says. */
export type Delta =
  | { readonly kind: "text" | "reasoning"; readonly text: string }
  | {
      readonly kind: "done";
      readonly counts: GenerationCounts;
      /** The `num_predict` in force. */
      readonly maxTokens: number;
    };

/** Raised to whoever watches: log, metric, later a message. */
export interface Alarm {
  raise(code: `LF14${string}`, summary: string): void;
}

/** What the sidecar's parts are given. */
export interface Ports {
  readonly chain: Chain;
  readonly transactions: Transactions;
  readonly blobs: Blobs;
  readonly gateway: Gateway;
  readonly jobStream: JobStream;
  readonly inference: Inference;
  readonly signer: Signer;
  /** Opens session keys wrapped to the worker. @throws WrongKey */
  readonly unwrap: (wrapped: Uint8Array) => Uint8Array;
  readonly alarm: Alarm;
  /** Random bytes for nonces of envelopes. */
  readonly random: (length: number) => Uint8Array;
}
