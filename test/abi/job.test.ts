import { encodeFunctionResult, pad, zeroAddress, zeroHash } from "viem";
import { describe, expect, test } from "vitest";
import {
  decodeJob,
  decodeRequest,
  decodeSession,
  jobStateOf,
  requestStatusOf,
  sessionStatusOf,
} from "../../abi/job.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import type { Address, Hex } from "../../schema/units.js";

const worker: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const user: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const model = pad("0xab");

const completed = {
  sessionId: 42n,
  worker,
  state: 2,
  escrowedFee: 20_000_000_000_000_000n,
  promptBlobHash: pad("0x01"),
  responseBlobHash: pad("0x02"),
  submittedAt: 1_000n,
  ackTimestamp: 1_010n,
  completedAt: 1_020n,
  deadline: 1_130n,
  disputeFiler: zeroAddress,
  disputeBond: 0n,
  reExecutionBlobHash: zeroHash,
  similarityScore: 0n,
  disputeCreatedAt: 0n,
  responseCiphertextHash: pad("0x03"),
  submitBlockNumber: 500n,
  completionBlockNumber: 510n,
};
const encodeJob = (job: typeof completed): Hex =>
  encodeFunctionResult({ abi: jobRegistryAbi, functionName: "getJob", result: job });

describe("a job", () => {
  const decoded = {
    ...completed,
    state: "Completed",
    disputeFiler: null,
    reExecutionBlobHash: null,
    disputeCreatedAt: null,
  };
  test("of 18 words is decoded, with null for what has not happened", () => {
    expect(decodeJob(encodeJob(completed))).toEqual(decoded);
  });
  test("of 17 words, as older deployments tell it, lacks only its completion block", () => {
    expect(decodeJob(encodeJob(completed).slice(0, -64) as Hex)).toEqual({ ...decoded, completionBlockNumber: null });
  });
  test("with words that a newer contract appended is decoded as far as known", () => {
    expect(decodeJob(`${encodeJob(completed)}${"77".repeat(32)}`)).toEqual(decoded);
  });
  test("that was only submitted has neither answer nor times", () => {
    const submitted = {
      ...completed,
      state: 0,
      responseBlobHash: zeroHash,
      responseCiphertextHash: zeroHash,
      ackTimestamp: 0n,
      completedAt: 0n,
      completionBlockNumber: 0n,
    };
    expect(decodeJob(encodeJob(submitted))).toMatchObject({
      state: "Submitted",
      responseBlobHash: null,
      responseCiphertextHash: null,
      ackTimestamp: null,
      completedAt: null,
      completionBlockNumber: null,
    });
  });
  test("in a state of a newer contract is not taken for another", () => {
    expect(decodeJob(encodeJob({ ...completed, state: 9 })).state).toBe("Unknown(9)");
  });
  test.each<[what: string, data: Hex]>([
    ["nothing", "0x"],
    ["16 words", encodeJob(completed).slice(0, -128) as Hex],
    ["half a word more", `${encodeJob(completed)}${"00".repeat(16)}`],
  ])("is not read from %s", (_, data) => {
    expect(() => decodeJob(data)).toThrow("not a job");
  });
});

test("a session is decoded", () => {
  const session = {
    user,
    modelId: model,
    worker,
    status: 1,
    encWorkerKey: `0x${"04".repeat(125)}` as const,
    encDisputerKey: "0x" as const,
    jobCount: 3n,
    lastActivityAt: 900n,
    reassignCount: 1n,
    deposit: 0n,
    excludedWorkers: [user],
  };
  const data = encodeFunctionResult({ abi: jobRegistryAbi, functionName: "getSession", result: session });
  expect(decodeSession(data)).toEqual({ ...session, status: "Reassigning" });
});

test("a request nobody claimed yet has no worker", () => {
  const request = { user, modelId: model, requestBlock: 7n, expiry: 4_600n, worker: zeroAddress, status: 0 } as const;
  const encode = (
    result: typeof request | (Omit<typeof request, "worker" | "status"> & { worker: Address; status: number }),
  ) => encodeFunctionResult({ abi: sessionManagerAbi, functionName: "getRequest", result });
  expect(decodeRequest(encode(request))).toEqual({ ...request, worker: null, status: "Open" });
  expect(decodeRequest(encode({ ...request, worker, status: 1 }))).toEqual({ ...request, worker, status: "Claimed" });
});

test.each([
  [
    jobStateOf,
    ["Submitted", "Acknowledged", "Completed", "TimedOut", "Disputed", "Resolved", "Released", "Unknown(7)"],
  ],
  [sessionStatusOf, ["Active", "Reassigning", "Closed", "Unknown(3)"]],
  [requestStatusOf, ["Open", "Claimed", "Ready", "Expired", "Unknown(4)"]],
])("the order of the enums is the contract's", (nameOf, names) => {
  expect(names.map((_, value) => nameOf(value))).toEqual(names);
});
