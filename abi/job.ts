import { decodeAbiParameters, getAddress, size, zeroAddress, zeroHash } from "viem";
import {
  type Address,
  type BlockTime,
  type Hash,
  type Hex,
  type ModelId,
  type SessionId,
  type Wei,
  blockTime,
  modelId,
  sessionId,
  wei,
} from "../schema/units.js";
import { jobRegistryAbi } from "./job-registry.js";
import { sessionManagerAbi } from "./session-manager.js";

const jobStates = ["Submitted", "Acknowledged", "Completed", "TimedOut", "Disputed", "Resolved", "Released"] as const;
const sessionStatuses = ["Active", "Reassigning", "Closed"] as const;
const requestStatuses = ["Open", "Claimed", "Ready", "Expired"] as const;

/** An enum value this version does not know: the contract is newer. Whoever meets one should do nothing rash. */
export type UnknownValue = `Unknown(${number})`;
/** State of a job (contracts reference §2; the order is load-bearing). */
export type JobState = (typeof jobStates)[number] | UnknownValue;
/** Status of a session in JobRegistry. */
export type SessionStatus = (typeof sessionStatuses)[number] | UnknownValue;
/** Status of a request in SessionManager. */
export type RequestStatus = (typeof requestStatuses)[number] | UnknownValue;

/** Names the `uint8` of a job's state. */
export const jobStateOf = (value: number): JobState => jobStates[value] ?? unknownValue(value);
/** Names the `uint8` of a session's status. */
export const sessionStatusOf = (value: number): SessionStatus => sessionStatuses[value] ?? unknownValue(value);
/** Names the `uint8` of a request's status. */
export const requestStatusOf = (value: number): RequestStatus => requestStatuses[value] ?? unknownValue(value);
const unknownValue = (value: number): UnknownValue => `Unknown(${value})`;

/** A job as `getJob` tells it. What has not happened yet is `null` (zero on the chain). The struct does not name its own id. */
export interface Job {
  readonly sessionId: SessionId;
  readonly worker: Address;
  readonly state: JobState;
  /** What the consumer paid and the contract still holds; zero once refunded or distributed. */
  readonly escrowedFee: Wei;
  readonly promptBlobHash: Hash | null;
  readonly responseBlobHash: Hash | null;
  readonly submittedAt: BlockTime;
  readonly ackTimestamp: BlockTime | null;
  readonly completedAt: BlockTime | null;
  /** Last second to acknowledge while `Submitted`, to complete while `Acknowledged` (contracts reference §4.6). */
  readonly deadline: BlockTime;
  readonly disputeFiler: Address | null;
  readonly disputeBond: Wei;
  readonly reExecutionBlobHash: Hash | null;
  /** Basis points, set by the disputer. */
  readonly similarityScore: bigint;
  readonly disputeCreatedAt: BlockTime | null;
  readonly responseCiphertextHash: Hash | null;
  readonly submitBlockNumber: bigint;
  /** `null` until completed, and always on deployments that do not record it (17-word form). */
  readonly completionBlockNumber: bigint | null;
}

/** A session as `getSession` tells it. The struct does not name its own id. */
export interface Session {
  readonly user: Address;
  readonly modelId: ModelId;
  readonly worker: Address;
  readonly status: SessionStatus;
  /** The session key wrapped for the worker (125 bytes; `protocol/session-key.ts`). */
  readonly encWorkerKey: Hex;
  /** The same for the disputer; `0x` where there is none. */
  readonly encDisputerKey: Hex;
  readonly jobCount: bigint;
  readonly lastActivityAt: BlockTime;
  readonly reassignCount: bigint;
  readonly deposit: Wei;
  readonly excludedWorkers: readonly Address[];
}

/** A sortition request as `getRequest` tells it. The struct does not name its own id. */
export interface SessionRequest {
  readonly user: Address;
  readonly modelId: ModelId;
  readonly requestBlock: bigint;
  readonly expiry: BlockTime;
  /** `null` until a worker claimed it. */
  readonly worker: Address | null;
  readonly status: RequestStatus;
}

const word = 32;
const shortJobWords = 17;
const jobWords = 18;

interface Item {
  readonly type: string;
  readonly name?: string;
}
/** A function by its name. viem's own look-ups type every overload of the whole ABI, which takes the compiler seconds. */
function functionOf<Abi extends readonly Item[], Name extends string>(abi: Abi, name: Name) {
  type Found = Extract<Abi[number], { readonly type: "function"; readonly name: Name }>;
  const found = abi.find((item): item is Found => item.type === "function" && item.name === name);
  if (found === undefined) throw new Error(`no function ${name}`);
  return found;
}
const getJob = functionOf(jobRegistryAbi, "getJob");
const getSession = functionOf(jobRegistryAbi, "getSession");
const getRequest = functionOf(sessionManagerAbi, "getRequest");

/**
 * Decodes the answer of `getJob`: 18 words, or 17 from older deployments. Words beyond the 18th, appended by newer ones, are ignored.
 * @throws Error when the bytes are no job
 */
export function decodeJob(data: Hex): Job {
  const words = size(data) / word;
  if (!Number.isInteger(words) || words < shortJobWords) throw new Error(`not a job: ${size(data)} bytes`);
  const padded: Hex = words < jobWords ? `${data}${"00".repeat(word)}` : data;
  const [raw] = decodeAbiParameters(getJob.outputs, padded);
  return {
    sessionId: sessionId(raw.sessionId),
    worker: getAddress(raw.worker),
    state: jobStateOf(raw.state),
    escrowedFee: wei(raw.escrowedFee),
    promptBlobHash: hashOrNull(raw.promptBlobHash),
    responseBlobHash: hashOrNull(raw.responseBlobHash),
    submittedAt: blockTime(raw.submittedAt),
    ackTimestamp: timeOrNull(raw.ackTimestamp),
    completedAt: timeOrNull(raw.completedAt),
    deadline: blockTime(raw.deadline),
    disputeFiler: addressOrNull(raw.disputeFiler),
    disputeBond: wei(raw.disputeBond),
    reExecutionBlobHash: hashOrNull(raw.reExecutionBlobHash),
    similarityScore: raw.similarityScore,
    disputeCreatedAt: timeOrNull(raw.disputeCreatedAt),
    responseCiphertextHash: hashOrNull(raw.responseCiphertextHash),
    submitBlockNumber: raw.submitBlockNumber,
    completionBlockNumber: raw.completionBlockNumber === 0n ? null : raw.completionBlockNumber,
  };
}

/**
 * Decodes the answer of `getSession`.
 * @throws viem's decoding errors when the bytes are no session
 */
export function decodeSession(data: Hex): Session {
  const [raw] = decodeAbiParameters(getSession.outputs, data);
  return {
    user: getAddress(raw.user),
    modelId: modelId(raw.modelId),
    worker: getAddress(raw.worker),
    status: sessionStatusOf(raw.status),
    encWorkerKey: raw.encWorkerKey,
    encDisputerKey: raw.encDisputerKey,
    jobCount: raw.jobCount,
    lastActivityAt: blockTime(raw.lastActivityAt),
    reassignCount: raw.reassignCount,
    deposit: wei(raw.deposit),
    excludedWorkers: raw.excludedWorkers.map((worker) => getAddress(worker)),
  };
}

/**
 * Decodes the answer of `getRequest`.
 * @throws viem's decoding errors when the bytes are no request
 */
export function decodeRequest(data: Hex): SessionRequest {
  const [raw] = decodeAbiParameters(getRequest.outputs, data);
  return {
    user: getAddress(raw.user),
    modelId: modelId(raw.modelId),
    requestBlock: raw.requestBlock,
    expiry: blockTime(raw.expiry),
    worker: addressOrNull(raw.worker),
    status: requestStatusOf(raw.status),
  };
}

const hashOrNull = (hash: Hex): Hash | null => (hash === zeroHash ? null : hash);
const timeOrNull = (seconds: bigint): BlockTime | null => (seconds === 0n ? null : blockTime(seconds));
const addressOrNull = (address: Address): Address | null => (address === zeroAddress ? null : getAddress(address));
