import type { Address, BlockTime, ChainSeconds, Hash, Hex, JobId, ModelId, SessionId, Wei } from "../schema/units.js";
import type { Contracts } from "../abi/bootstrap.js";
import type { JobState } from "../abi/job.js";

/** A block as a point to refer to. */
export interface BlockRef {
  readonly number: bigint;
  readonly hash: Hash;
  readonly time: BlockTime;
}

/**
 * What a payment is *for*: `<chain id>/<worker>/<kind>/g<generation>[/<detail>]`. One purpose is achieved on chain at most once, whoever
 * works on it and however often they are interrupted.
 */
export type PurposeId = string & { readonly __purpose: never };

/** A transaction whose signed bytes were stored before they were sent. */
export interface SentTx {
  readonly purpose: PurposeId;
  readonly from: Address;
  readonly nonce: number;
  readonly hash: Hash;
  /** The signed bytes, so that a re-run sends these and no others. */
  readonly raw: Hex;
  /** Which pool of the node it lives in; one account's lanes take turns (contracts reference §6.2). */
  readonly lane: "plain" | "blob";
  /** `open` until the chain has decided; `dead` once another transaction at its nonce is final. */
  readonly outcome: "open" | "mined" | "reverted" | "dead";
  /** Where it was mined, and what its gas cost. */
  readonly mined: { readonly block: bigint; readonly fee: Wei } | null;
}

/** How much stake to hold: exactly the network's minimum (followed when it rises, if `max` allows), or a fixed amount. */
export type StakePolicy =
  { readonly kind: "minimum"; readonly max: Wei } | { readonly kind: "fixed"; readonly amount: Wei };

/** What the operator wants of a worker. */
export type Desired =
  | {
      readonly kind: "serving";
      /** Raised by the operator to register again after a leave. */
      readonly generation: number;
      readonly models: readonly ModelId[];
      readonly stake: StakePolicy;
      /** 65 bytes, uncompressed P-256. */
      readonly encryptionKey: Hex;
      /** Balance to keep for gas beside the stake. */
      readonly gasReserve: Wei;
    }
  | { readonly kind: "gone"; readonly refundTo: Address; readonly generation: number };

/** The network's parameters that decide a worker's life (contracts reference §5.1). */
export interface ChainRules {
  readonly minimumStake: Wei;
  readonly ackTimeout: ChainSeconds;
  readonly completionTimeout: ChainSeconds;
  readonly disputeWindow: ChainSeconds;
  /** How long a session may idle before it is dead; `null` where the getter is absent. Whether it is enforced is never assumed. */
  readonly inactivityTimeout: ChainSeconds | null;
  readonly slashBps: { readonly ack: bigint; readonly completion: bigint; readonly dispute: bigint };
  readonly suspensionThreshold: bigint;
  /** `null`: not known to this network; 0: unlimited as far as known. */
  readonly maxConcurrentJobs: bigint | null;
  /** Mask of the capability `self-contained` (contracts reference §4.10); 0 where the network has none. */
  readonly selfContained: bigint;
  readonly mode: "sortition" | "dispatcher";
  readonly paused: { readonly workers: boolean; readonly jobs: boolean };
  /** One entry for each model asked about. */
  readonly models: readonly ModelStanding[];
}

/** What the network says of one model. */
export interface ModelStanding {
  readonly id: ModelId;
  readonly whitelisted: boolean;
  readonly enabled: boolean;
  /** What a job pays in all; `null` when AIConfig has no fee for it. */
  readonly fee: Wei | null;
}

/** The worker's entry in the registry. */
export interface Registration {
  readonly stake: Wei;
  readonly encryptionKey: Hex;
  /** Of the models asked about: supported on chain. */
  readonly models: readonly ModelId[];
  /** Of these: in the model's eligible set right now. */
  readonly eligible: readonly ModelId[];
  /** Mask of the capabilities it has declared. */
  readonly capabilities: bigint;
  readonly offences: bigint;
  /** Suspended until then, and after it until `reinstate`; `null` when not suspended. */
  readonly suspendedUntil: BlockTime | null;
  /** Jobs that keep the worker from leaving; falls at release, not at completion (§4.2). */
  readonly activeJobs: bigint;
}

/** A session of this worker that can still bring a job, or once could. */
export interface WorkerSession {
  readonly id: SessionId;
  readonly model: ModelId;
  readonly user: Address;
  /** `dead`: closed or reassigned away, or a simulated submit reverts with exactly `SessionNotActive`. Never concluded from idleness alone. */
  readonly standing: "open" | "dead";
}

/** A job of this worker that is not finished with. */
export interface JobStanding {
  readonly id: JobId;
  readonly session: SessionId;
  readonly model: ModelId;
  readonly state: JobState;
  readonly escrow: Wei;
  /** While submitted: acknowledge by; while acknowledged: complete by. */
  readonly deadline: BlockTime;
  /** First block time at which `releaseJobs` works; `null` while unknown. */
  readonly releasableAt: BlockTime | null;
  /**
   * First block time at which `settleStuckJob` works: it ends a job that nobody answered, long after its deadline, without a slash (contracts reference §4.6).
   * `null` while the contract does not say, and where somebody may still answer.
   */
  readonly noFaultAt: BlockTime | null;
}

/** Everything a decision needs, read at one block, plus the mempool's view of our key. */
export interface Observed {
  readonly at: BlockRef;
  readonly chainId: number;
  /** Whom the steps are sent to. */
  readonly contracts: Contracts;
  readonly worker: Address;
  readonly nonce: { readonly latest: number; readonly pending: number };
  readonly balance: Wei;
  /** `eth_gasPrice` of the node, wei per gas. */
  readonly gasPrice: bigint;
  readonly rules: ChainRules;
  readonly registration: Registration | null;
  readonly sessions: readonly WorkerSession[];
  readonly jobs: readonly JobStanding[];
  /** Released and not yet withdrawn. */
  readonly earnings: Wei;
  readonly sent: readonly SentTx[];
  /** Who would answer a job now, and how we know. */
  readonly server: "serving" | "standby" | "silent" | "gone";
  /** Whether this host has passed the rehearsal for exactly the desired models. */
  readonly rehearsed: boolean;
  /** Highest generation that has left: registering needs a higher one. */
  readonly leftGeneration: number;
}

/** Every transaction that a lifecycle is made of. */
export type StepKind =
  | "rehearse"
  | "register"
  | "addModel"
  | "removeModel"
  | "setCapabilities"
  | "topUp"
  | "reinstate"
  | "release"
  | "settle"
  | "withdraw"
  | "deregister"
  | "sweep";

/** The next thing to do, or to wait for. */
export type Step =
  | { readonly do: "rehearse" }
  | {
      readonly do: Exclude<StepKind, "rehearse">;
      readonly purpose: PurposeId;
      /** Native value sent along. 0 for most; for `sweep` the whole balance less its own gas. */
      readonly value: Wei;
      readonly to: Address;
      readonly data: Hex;
      /** What the transaction does, for a person. */
      readonly summary: string;
    }
  | { readonly do: "wait"; readonly until: WaitUntil; readonly because: string };

/** What a plan waits for. */
export type WaitUntil =
  | { readonly kind: "time"; readonly time: BlockTime }
  | { readonly kind: "transaction"; readonly hash: Hash }
  | { readonly kind: "change"; readonly of: "funds" | "pause" | "jobs" | "mempool" };

/** Why nothing can be done until a person acts. */
export interface Blocker {
  readonly code: `LF12${string}`;
  readonly summary: string;
  readonly fix: string;
}

/** What the plan costs and returns, for preview. All in wei. */
export interface MoneySummary {
  /** Leaves the balance into the stake. */
  readonly toStake: Wei;
  /** Missing in the worker's balance for stake and gas reserve; what Funding sends. */
  readonly shortfall: Wei;
  /** Upper bound of gas fees of the planned steps. */
  readonly gas: Wei;
  /** Comes back to `refundTo` when gone: stake, earnings and rest, before gas. */
  readonly returns: Wei;
  /** First block time at which the worker could be gone, if it left now and no further job came. */
  readonly earliestExit: BlockTime | null;
}

/** What the chain needs next; see `plan`. */
export interface Plan {
  /** In order. Callers apply the first and observe again. Empty: nothing to do. */
  readonly steps: readonly Step[];
  readonly blockers: readonly Blocker[];
  readonly money: MoneySummary;
  /** No session can bring another job: the machine may stop while dispute windows run. */
  readonly quiet: boolean;
}

/** One call to be made with the worker's (or treasury's) key. */
export interface Call {
  readonly purpose: PurposeId;
  readonly to: Address;
  readonly data: Hex;
  readonly value: Wei;
  /** Send `value` = whole balance − gas × price exactly, leaving nothing. Only for `sweep`. */
  readonly sweep?: boolean;
  /**
   * The account's mined nonce when this was planned. A sender that shares its key with other processes refuses (PlanStale) when the chain is past it: what
   * was planned on an older state may be the wrong thing now. Default: not checked.
   */
  readonly ifNonce?: number;
}

/** A mined transaction of ours. */
export interface Mined {
  readonly hash: Hash;
  readonly block: bigint;
  readonly status: "success" | "reverted";
  readonly gasUsed: bigint;
  readonly fee: Wei;
}

/**
 * Sends with one key. Both implementations store the signed bytes before they send, send the same bytes again for a purpose that is still open, and
 * read the chain after an unclear outcome: `lifecycle/stored-sender.ts` beside the key, `sidecar/transactions` in the journal.
 */
export interface Sender {
  readonly address: Address;
  /** Resolves when mined. @throws SendRefused when the node or an estimate refused it and nothing was sent */
  send(call: Call, signal?: AbortSignal): Promise<Mined>;
  /** Follows what is still open, replacing what hangs, until the chain has decided it. Left out by a sender that does so by itself. */
  settle?(signal?: AbortSignal): Promise<void>;
}
