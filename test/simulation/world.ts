import { createHash } from "node:crypto";
import { decodeFunctionData, keccak256, stringToBytes, zeroAddress } from "viem";
import type { Job, Session, SessionRequest } from "../../abi/job.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import type { BlockRef, Call } from "../../lifecycle/types.js";
import { nonceBytes, seal } from "../../protocol/envelope.js";
import { utf8 } from "../../protocol/go-text.js";
import { modelIdOf } from "../../protocol/model-id.js";
import {
  blockTime,
  chainSeconds,
  jobId,
  requestId,
  sessionId,
  wei,
  type Address,
  type BlockTime,
  type Hash,
  type Hex,
  type JobId,
  type ModelId,
  type RequestId,
  type SessionId,
} from "../../schema/units.js";
import type { Chance } from "./chance.js";
import type { VirtualClock } from "./virtual-clock.js";

export const worker: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
export const refundTo: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
export const contracts = {
  workerRegistry: "0x0000000000000000000000000000000000001002",
  jobRegistry: "0x531b3A87c5D785441B9cF55b98169F20FD9056a7",
  aiConfig: "0xeCF4Ca5Ba6D97ae586993e170764a1E92231b67e",
  sessionManager: "0x86AdA80864e87dE2275200FeE905b5C32b32Bf68",
  reputationRegistry: null,
} as const;
export const model = "llama3-8b";
export const modelIdOfWorld: ModelId = modelIdOf(model);
export const lcai = 10n ** 18n;

/** Figures of the simulated network. Blocks come every 2 s. */
export const rules = {
  blockMs: 2_000,
  ackTimeout: 60n,
  completionTimeout: 120n,
  disputeWindow: 300n,
  stake: 100n * lcai,
  fee: lcai / 50n,
  gas: lcai / 10_000n,
  selfContained: 1n,
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export interface PendingTx {
  readonly call: Call;
  readonly hash: Hash;
  readonly blob?: { readonly hash: Hash; readonly payload: Uint8Array };
  mined: { readonly block: bigint; readonly status: "success" | "reverted" } | null;
}

/** The chain and everybody on it but the worker's sidecar. Survives the sidecar's crashes. */
export interface World {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  head: BlockRef;
  /** Time of a block that was mined since the world began. */
  timeOf(block: bigint): BlockTime;
  readonly listeners: Set<(head: BlockRef) => void>;
  readonly jobs: Map<JobId, Mutable<Job>>;
  readonly sessions: Map<SessionId, Mutable<Session>>;
  readonly requests: Map<RequestId, Mutable<SessionRequest>>;
  readonly jobLogs: { job: JobId; session: SessionId; block: bigint }[];
  readonly requestLogs: { request: RequestId; model: ModelId; block: bigint }[];
  readonly blobs: Map<Hash, { readonly block: bigint; readonly payload: Uint8Array }>;
  registration: { stake: bigint; key: Hex; models: Set<ModelId>; capabilities: bigint; offences: bigint } | null;
  balance: bigint;
  earnings: bigint;
  refunded: bigint;
  nonce: number;
  /** Everything that was ever mined of the worker's, in order. */
  readonly mined: PendingTx[];
  readonly mempool: PendingTx[];
  /** Calls succeed only while this is true. */
  reachable: boolean;
  /** Whether anyone claims instead of us at once. */
  rivals: boolean;
  /** How sessions are given out; the network's owner may change it at any time. */
  selection: "sortition" | "dispatcher";
  /** Whether JobRegistry is paused. */
  jobsPaused: boolean;

  submitTx(tx: PendingTx): void;
  /** Why a call would revert now; `null` when it would not. */
  wouldRevert(call: Call): string | null;
  /** A consumer asks for a session, and gives its key as soon as someone claims it. */
  requestSession(): RequestId;
  /** A consumer opens a session with our worker, by the dispatcher's word. */
  dispatchSession(): SessionId;
  /** The session that a request became. */
  sessionOf(request: RequestId): SessionId | undefined;
  submitJob(session: SessionId, prompt: string): JobId;
  key(session: SessionId): Uint8Array;
}

export function createWorld(clock: VirtualClock, chance: Chance): World {
  const keys = new Map<SessionId, Uint8Array>();
  const sessionsOfRequests = new Map<RequestId, SessionId>();
  const consumer: Address = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
  let lastId = 9_007_199_254_740_993n; // above 2^53, as on the live network
  const nextId = (): bigint => ++lastId;
  const blockAt = (number: bigint): BlockRef => ({
    number,
    hash: keccak256(stringToBytes(`block ${number.toString()}`)),
    time: blockTime(BigInt(Math.floor(clock.now() / 1_000))),
  });
  const now = (): BlockTime => world.head.time;
  const times = new Map<bigint, BlockTime>();

  const world: World = {
    clock,
    chance,
    head: blockAt(1_000n),
    timeOf: (block) => times.get(block) ?? world.head.time,
    listeners: new Set(),
    jobs: new Map(),
    sessions: new Map(),
    requests: new Map(),
    jobLogs: [],
    requestLogs: [],
    blobs: new Map(),
    registration: null,
    balance: 200n * lcai,
    earnings: 0n,
    refunded: 0n,
    nonce: 0,
    mined: [],
    mempool: [],
    reachable: true,
    rivals: false,
    selection: "sortition",
    jobsPaused: false,
    submitTx: (tx) => void world.mempool.push(tx),
    wouldRevert: (call) => evaluate(call, false),
    requestSession: () => {
      const id = requestId(nextId());
      world.requests.set(id, {
        user: consumer,
        modelId: modelIdOfWorld,
        requestBlock: world.head.number,
        expiry: blockTime(now() + 3_600n),
        worker: null,
        status: "Open",
      });
      world.requestLogs.push({ request: id, model: modelIdOfWorld, block: world.head.number + 1n });
      return id;
    },
    dispatchSession: () => openSession(consumer),
    sessionOf: (request) => sessionsOfRequests.get(request),
    submitJob: (session, prompt) => {
      const id = jobId(nextId());
      const payload = seal(world.key(session), utf8(prompt), chance.bytes(nonceBytes));
      const hash = blobHash(payload);
      world.blobs.set(hash, { block: world.head.number, payload });
      const at = world.sessions.get(session);
      if (at === undefined) throw new Error("no such session");
      world.jobs.set(id, {
        sessionId: session,
        worker: at.worker,
        state: "Submitted",
        escrowedFee: wei(rules.fee),
        promptBlobHash: hash,
        responseBlobHash: null,
        submittedAt: now(),
        ackTimestamp: null,
        completedAt: null,
        deadline: blockTime(now() + rules.ackTimeout),
        disputeFiler: null,
        disputeBond: wei(0n),
        reExecutionBlobHash: null,
        similarityScore: 0n,
        disputeCreatedAt: null,
        responseCiphertextHash: null,
        submitBlockNumber: world.head.number,
        completionBlockNumber: null,
      });
      world.jobLogs.push({ job: id, session, block: world.head.number + 1n });
      return id;
    },
    key: (session) => new Uint8Array(keys.get(session) ?? new Uint8Array(32)),
  };

  /** Checks a call of the worker's, and carries it out if asked to. @returns why it reverts */
  function evaluate(call: Call, carryOut: boolean): string | null {
    const to = call.to;
    if (call.data === "0x") {
      if (carryOut) {
        const sent = call.sweep === true ? world.balance : call.value;
        world.balance -= sent;
        if (to === refundTo) world.refunded += sent;
      }
      return null;
    }
    if (to === contracts.workerRegistry) return evaluateRegistry(call, carryOut);
    if (to === contracts.sessionManager) return evaluateClaim(call, carryOut);
    return evaluateJobs(call, carryOut);
  }
  function evaluateRegistry({ data, value }: Call, carryOut: boolean): string | null {
    const { functionName, args } = decodeFunctionData({ abi: workerRegistryAbi, data });
    const { registration } = world;
    switch (functionName) {
      case "registerWorker":
        if (registration !== null) return "WorkerAlreadyRegistered";
        if (value < rules.stake || world.balance < value) return "InsufficientStake";
        if (carryOut) {
          world.registration = { stake: value, key: args[0], models: new Set(), capabilities: 0n, offences: 0n };
          world.balance -= value;
        }
        return null;
      case "addSupportedModel":
        if (registration === null) return "WorkerNotRegistered";
        if (carryOut) registration.models.add(args[0] as ModelId);
        return null;
      case "setCapabilities":
        if (registration === null) return "WorkerNotRegistered";
        if (carryOut) registration.capabilities = args[0];
        return null;
      case "deregisterWorker":
        if (registration === null) return "WorkerNotRegistered";
        if (activeJobs() > 0) return "ActiveJobsExist";
        if (carryOut) {
          world.balance += registration.stake;
          world.registration = null;
        }
        return null;
      default:
        throw new Error(`the simulated WorkerRegistry has no ${functionName}`);
    }
  }
  const activeJobs = (): number =>
    [...world.jobs.values()].filter(
      ({ state, worker: of }) =>
        of === worker && (state === "Submitted" || state === "Acknowledged" || state === "Completed"),
    ).length;

  function evaluateClaim({ data }: Call, carryOut: boolean): string | null {
    const { functionName, args } = decodeFunctionData({ abi: sessionManagerAbi, data });
    if (functionName !== "claimSession") throw new Error(`the simulated SessionManager has no ${functionName}`);
    const id = requestId(args[0]);
    const request = world.requests.get(id);
    if (world.selection !== "sortition") return "SortitionDisabled";
    if (request?.status !== "Open") return "RequestNotOpen";
    if (world.registration?.models.has(request.modelId) !== true) return "WorkerNotEligibleForClaim";
    if (carryOut) {
      request.worker = worker;
      request.status = "Claimed";
      setTimeoutOf(4_000, () => provideKey(id, request));
    }
    return null;
  }
  const setTimeoutOf = (ms: number, act: () => void): void => void clock.sleep(ms).then(act);
  function provideKey(id: RequestId, request: Mutable<SessionRequest>): void {
    if (world.selection !== "sortition") return; // adopting the session would revert
    sessionsOfRequests.set(id, openSession(request.user));
    request.status = "Ready";
  }
  function openSession(user: Address): SessionId {
    const session = sessionId(nextId());
    const key = chance.bytes(32);
    keys.set(session, key);
    world.sessions.set(session, {
      user,
      modelId: modelIdOfWorld,
      worker,
      status: "Active",
      encWorkerKey: `0x${Buffer.from(key).toString("hex")}`,
      encDisputerKey: "0x",
      jobCount: 0n,
      lastActivityAt: now(),
      reassignCount: 0n,
      deposit: wei(0n),
      excludedWorkers: [],
    });
    return session;
  }

  function evaluateJobs({ data }: Call, carryOut: boolean): string | null {
    const { functionName, args } = decodeFunctionData({ abi: jobRegistryAbi, data });
    switch (functionName) {
      case "acknowledgeJob": {
        const job = world.jobs.get(jobId(args[0]));
        if (job?.state !== "Submitted") return "JobNotInState";
        if (now() > job.deadline) return "DeadlineExceeded";
        if (carryOut) {
          job.state = "Acknowledged";
          job.ackTimestamp = now();
          job.deadline = blockTime(now() + rules.completionTimeout);
        }
        return null;
      }
      case "completeJob": {
        const job = world.jobs.get(jobId(args[0]));
        if (job?.state !== "Acknowledged") return "JobNotInState";
        if (now() > job.deadline) return "DeadlineExceeded";
        if (carryOut) {
          job.state = "Completed";
          job.completedAt = now();
          job.completionBlockNumber = world.head.number;
          job.responseBlobHash = args[1];
          job.responseCiphertextHash = args[2];
        }
        return null;
      }
      case "releaseJobs": {
        const jobs = args[0].map((id) => world.jobs.get(jobId(id)));
        for (const job of jobs)
          if (job?.state !== "Completed" || (job.completedAt ?? 0n) + rules.disputeWindow > now())
            return "DisputeWindowNotElapsed";
        if (carryOut)
          for (const job of jobs)
            if (job !== undefined) {
              job.state = "Released";
              world.earnings += (job.escrowedFee * 8n) / 10n;
              job.escrowedFee = wei(0n);
            }
        return null;
      }
      case "withdraw":
        if (world.earnings === 0n) return "NoBalanceToWithdraw";
        if (carryOut) {
          world.balance += world.earnings;
          world.earnings = 0n;
        }
        return null;
      default:
        throw new Error(`the simulated JobRegistry has no ${functionName}`);
    }
  }

  const mine = (): void => {
    world.head = blockAt(world.head.number + 1n);
    times.set(world.head.number, world.head.time);
    for (const tx of world.mempool.splice(0)) {
      const reverted = evaluate(tx.call, true) !== null;
      if (tx.blob !== undefined) world.blobs.set(tx.blob.hash, { block: world.head.number, payload: tx.blob.payload });
      const gas = world.balance < rules.gas ? world.balance : rules.gas;
      world.balance -= gas;
      world.nonce++;
      tx.mined = { block: world.head.number, status: reverted ? "reverted" : "success" };
      world.mined.push(tx);
    }
    for (const request of world.requests.values())
      if (world.rivals && request.status === "Open") {
        request.status = "Claimed";
        request.worker = consumer;
      }
    for (const job of world.jobs.values()) timeOut(job);
    for (const listener of [...world.listeners]) listener(world.head);
  };
  const timeOut = (job: Mutable<Job>): void => {
    if ((job.state !== "Submitted" && job.state !== "Acknowledged") || now() <= job.deadline + 10n) return;
    job.state = "TimedOut";
    job.escrowedFee = wei(0n);
    if (world.registration !== null) world.registration.offences++;
  };
  clock.every(rules.blockMs, mine);
  return world;
}

/** The simulated versioned hash: of the payload itself, without KZG. */
export const blobHash = (payload: Uint8Array): Hash =>
  `0x01${createHash("sha256").update(payload).digest("hex").slice(2)}`;
export const seconds = chainSeconds;
export const nobody = zeroAddress;
