import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { addresses } from "../../../../devnet/contracts/addresses.js";
import { signTerms, type SignedTerms } from "../../../../devnet/dispatcher/typed-data.js";
import { chainSeconds, modelId, sessionId as asSessionId, type Hex } from "../../../../schema/units.js";
import {
  ackTimeout,
  committed,
  disputeWindow,
  fee,
  type Life,
  lifeOn,
  minimum,
  otherWrappedKey,
  promptHash,
  refusing,
  responseHash,
  usual,
  wholeClaimWindow,
  wrappedKey,
} from "./life.js";
import { eventArgs, events, keys, lcai, startTestNetwork, type TestNetwork, who } from "./network.js";

/** Sessions, money and disputes: contracts reference §4.4 to §4.9, beyond the checklist. */
let network: TestNetwork;
let life: Life;
let start: Hex;
beforeAll(async () => {
  network = await startTestNetwork({ sessionInactivityTimeout: chainSeconds(1_800n) });
  life = lifeOn(network);
});
afterAll(() => network.stop());
beforeEach(async () => {
  start = await network.snapshot();
});
afterEach(() => network.revertTo(start));

const { worker, rival, user, delegate, keeper, disputer, treasury } = who;
const submission = (sessionId: bigint) => network.call(user, "jobRegistry", "submitJob", [sessionId, promptHash], fee);
/** What an account gained by a transaction, gas aside. */
async function gain(account: Hex, act: () => Promise<{ gasUsed: bigint; effectiveGasPrice: bigint; from: Hex }>) {
  const before = await network.balance(account);
  const { gasUsed, effectiveGasPrice, from } = await act();
  const gas = from.toLowerCase() === account.toLowerCase() ? gasUsed * effectiveGasPrice : 0n;
  return (await network.balance(account)) - before + gas;
}

test("with an inactivity limit, a session that was idle for longer takes no more jobs", async () => {
  const sessionId = await life.session();
  await network.advance(1_800);
  expect(await network.refusal(submission(sessionId))).toBeUndefined();
  await network.advance(1);
  await network.expectRefused(submission(sessionId), "SessionNotActive", [sessionId]);
  expect(await life.getSession(sessionId)).toMatchObject({ status: 0 });
});

test("with an inactivity limit, a job, its acknowledgement and its completion keep a session alive", async () => {
  const sessionId = await life.session();
  await network.set("aiConfig", "setAckTimeout", [3_600n]);
  await network.set("aiConfig", "setCompletionTimeout", [3_600n]);
  const later = async (act: () => Promise<unknown>): Promise<void> => {
    await network.advance(1_700);
    await act();
  };
  let jobId = 0n;
  await later(async () => (jobId = await life.submit(sessionId)));
  await later(() => life.acknowledge(jobId));
  await later(() => life.complete(jobId));
  await network.advance(1_700);
  expect(await network.refusal(submission(sessionId))).toBeUndefined();
});

test("without an inactivity limit, a session never dies of idleness", async () => {
  await network.set("aiConfig", "setSessionInactivityTimeout", [0n]);
  const sessionId = await life.session();
  await network.advance(365 * 86_400);
  expect(await network.refusal(submission(sessionId))).toBeUndefined();
});

test("a job costs the model's fee of the moment, and what is paid too much comes back", async () => {
  const sessionId = await life.session();
  await network.set("aiConfig", "setModelFee", [usual, 7n]);
  const cost = await gain(user, () =>
    network.send(user, "jobRegistry", "submitJob", [sessionId, promptHash], lcai("1")),
  );
  expect(cost).toBe(-7n);
  expect(await life.job(1n)).toMatchObject({ escrowedFee: 7n });
  expect(await life.getSession(sessionId)).toMatchObject({ jobCount: 1n });
});

test("a delegate requests, keys and pays for its user from the prepaid balance", async () => {
  await life.register();
  const deposit = await network.send(user, "jobRegistry", "depositAndAuthorize", [delegate], 3n * fee);
  expect(events(deposit)).toEqual([
    { name: "Deposited", args: { user, amount: 3n * fee, newBalance: 3n * fee } },
    { name: "DelegateAuthorizationSet", args: { user, delegate, authorized: true } },
    { name: "DelegateAllowanceSet", args: { user, delegate, allowance: 3n * fee } },
  ]);
  const expiry = (await network.now()) + 3_600n;
  const requested = await network.send(delegate, "sessionManager", "requestSessionFor", [user, usual, expiry]);
  const { reqId } = eventArgs(requested, "SessionRequested") as { reqId: bigint };
  expect(await network.read("sessionManager", "getRequest", [reqId])).toEqual({
    user,
    modelId: usual,
    requestBlock: requested.blockNumber,
    expiry,
    worker: "0x0000000000000000000000000000000000000000",
    status: 0,
  });
  await network.mine(wholeClaimWindow);
  await network.send(worker, "sessionManager", "claimSession", [reqId]);
  const keyed = await network.send(delegate, "sessionManager", "provideSessionKeyFor", [user, reqId, wrappedKey, "0x"]);
  const { sessionId } = eventArgs(keyed, "SessionReady") as { sessionId: bigint };

  await network.send(delegate, "jobRegistry", "submitJobOnBehalf", [user, sessionId, promptHash]);
  expect(await network.read("jobRegistry", "prepaidBalanceOf", [user])).toBe(2n * fee);
  expect(await network.read("jobRegistry", "delegateAllowance", [user, delegate])).toBe(2n * fee);
  await network.send(user, "jobRegistry", "setDelegateAuthorization", [delegate, false]);
  expect(await network.read("jobRegistry", "isDelegateAuthorized", [user, delegate])).toBe(false);
  expect(await network.read("jobRegistry", "delegateAllowance", [user, delegate])).toBe(2n * fee);
  expect(await gain(user, () => network.send(user, "jobRegistry", "withdrawBalance", [2n * fee]))).toBe(2n * fee);
});

test("the refund of a prepaid job goes back to the balance it came from", async () => {
  const sessionId = await life.session();
  await network.send(user, "jobRegistry", "depositAndAuthorize", [delegate], fee);
  await network.send(delegate, "jobRegistry", "submitJobOnBehalf", [user, sessionId, promptHash]);
  await network.advance(ackTimeout + 1n);
  const receipt = await network.send(keeper, "jobRegistry", "claimTimeout", [1n]);
  expect(eventArgs(receipt, "RefundCreditedToBalance")).toEqual({ user, jobId: 1n, amount: fee });
  expect(await network.read("jobRegistry", "prepaidBalanceOf", [user])).toBe(fee);
});

test("a refund that its receiver refuses is kept until it is claimed", async () => {
  const jobId = await life.submitted();
  await network.client.setCode({ address: user, bytecode: refusing });
  await network.advance(ackTimeout + 1n);
  const receipt = await network.send(keeper, "jobRegistry", "claimTimeout", [jobId]);
  expect(eventArgs(receipt, "TransferFailed")).toEqual({ to: user, amount: fee });
  expect(eventArgs(receipt, "RefundEscrowed")).toEqual({ recipient: user, amount: fee });
  expect(await network.read("jobRegistry", "pendingRefund", [user])).toBe(fee);

  await network.client.setCode({ address: user, bytecode: "0x" });
  const claimed = await gain(user, () => network.send(user, "jobRegistry", "claimRefund", []));
  expect(claimed).toBe(fee);
  expect(await network.read("jobRegistry", "pendingRefund", [user])).toBe(0n);
});

test("a job stuck for two hours is refunded without blame", async () => {
  const jobId = await life.acknowledged();
  await network.advance(120 + 7_200);
  let receipt: Awaited<ReturnType<typeof network.sendCall>> | undefined;
  expect(
    await gain(user, async () => (receipt = await network.send(keeper, "jobRegistry", "settleStuckJob", [jobId]))),
  ).toBe(fee);
  expect(events(receipt!)).toEqual([{ name: "JobSettledNoFault", args: { jobId, refundAmount: fee } }]);
  expect(await life.job(jobId)).toMatchObject({ state: 3, escrowedFee: 0n });
  expect(await life.stake()).toBe(minimum);
  expect(await network.read("workerRegistry", "getOffenseCount", [worker])).toBe(0n);
  expect(await life.activeJobs()).toBe(0n);
});

test("a lost dispute costs the worker 15 % of the minimum; fee and bond go back", async () => {
  const jobId = await life.completed();
  expect(await gain(user, () => network.send(user, "jobRegistry", "disputeJob", [jobId], 3n * fee))).toBe(0n - fee);
  expect(await life.job(jobId)).toMatchObject({ state: 4, disputeFiler: user, disputeBond: fee });
  const rule = () => network.send(disputer, "jobRegistry", "resolveDispute", [jobId, true, responseHash, 42n]);
  expect(await gain(user, rule)).toBe(2n * fee);
  expect(await life.job(jobId)).toMatchObject({
    state: 5,
    escrowedFee: 0n,
    reExecutionBlobHash: responseHash,
    similarityScore: 42n,
  });
  expect(await life.stake()).toBe((minimum * 85n) / 100n);
  expect(await network.read("reputationRegistry", "getReputation", [worker])).toMatchObject({ disputesLost: 1 });
  const release = network.call(keeper, "jobRegistry", "releaseJob", [jobId]);
  await network.expectRefused(release, "JobNotInState", [jobId, 2, 5]);
});

test("an acquitted worker is paid by a release that needs no further wait, and the filer's bond is lost", async () => {
  const jobId = await life.disputed();
  await network.send(disputer, "jobRegistry", "resolveDispute", [jobId, false, responseHash, 9_999n]);
  expect(await network.balance(treasury)).toBe(fee);
  expect(await life.activeJobs()).toBe(1n);
  await network.send(keeper, "jobRegistry", "releaseJob", [jobId]);
  expect(await life.job(jobId)).toMatchObject({ state: 6 });
  expect(await life.activeJobs()).toBe(0n);
  expect(await network.read("jobRegistry", "workerBalance", [worker])).toBe((fee * 8n) / 10n);
  expect(await life.stake()).toBe(minimum);
});

test("an acquitted worker whose job cost nothing is not held by it", async () => {
  await network.set("aiConfig", "setModelFee", [usual, 0n]);
  const jobId = await life.submit(await life.session(), user, 0n);
  await life.acknowledge(jobId);
  await life.complete(jobId);
  await network.send(user, "jobRegistry", "disputeJob", [jobId]);
  await network.send(disputer, "jobRegistry", "resolveDispute", [jobId, false, responseHash, 9_999n]);
  expect(await life.activeJobs()).toBe(0n);
});

test("a dispute nobody rules on ends for its filer, and the worker is slashed", async () => {
  const jobId = await life.disputed();
  await network.advance(43_201);
  let receipt: Awaited<ReturnType<typeof network.sendCall>> | undefined;
  const claim = async () => (receipt = await network.send(keeper, "jobRegistry", "claimTimeout", [jobId]));
  expect(await gain(user, claim)).toBe(2n * fee);
  expect(eventArgs(receipt!, "DisputeDefaulted")).toEqual({ jobId });
  expect(await life.job(jobId)).toMatchObject({ state: 5, escrowedFee: 0n });
  expect(await life.stake()).toBe((minimum * 85n) / 100n);
  expect(await life.activeJobs()).toBe(0n);
});

test("the network's own disputer may dispute any job", async () => {
  const jobId = await life.completed();
  await network.send(disputer, "jobRegistry", "disputeJob", [jobId], fee);
  expect(await life.job(jobId)).toMatchObject({ disputeFiler: disputer });
});

test("somebody else's release may cost the worker a bounty, its own never does", async () => {
  await network.set("aiConfig", "setReleaseBountyBps", [1_000n]);
  const jobId = await life.completed();
  await network.advance(disputeWindow);
  const share = (fee * 8n) / 10n;
  const open = await network.snapshot();
  const foreign = () => network.send(keeper, "jobRegistry", "releaseJob", [jobId]);
  expect(await gain(keeper, foreign)).toBe(share / 10n);
  expect(await network.read("jobRegistry", "workerBalance", [worker])).toBe((share * 9n) / 10n);
  await network.revertTo(open);
  const receipt = await network.send(worker, "jobRegistry", "releaseJob", [jobId]);
  expect(events(receipt).map(({ name }) => name)).not.toContain("KeeperBountyPaid");
  expect(await network.read("jobRegistry", "workerBalance", [worker])).toBe(share);
});

test("in dispatcher mode the dispatcher's signature makes the session, and uses up a nonce", async () => {
  await network.set("aiConfig", "setSortitionEnabled", [false]);
  await life.register();
  const expiry = (await network.now()) + 600n;
  const signature = await life.dispatcherSignature({ modelId: usual }, { expiry });
  const args = [usual, worker, wrappedKey, "0x", signature, expiry] as const;
  const receipt = await network.send(user, "jobRegistry", "createSession", args);
  const { sessionId } = eventArgs(receipt, "SessionCreated") as { sessionId: bigint };
  expect(events(receipt)).toEqual([
    {
      name: "SessionCreated",
      args: { sessionId, user, modelId: usual, worker, encWorkerKey: wrappedKey, encDisputerKey: "0x" },
    },
  ]);
  expect(await network.read("jobRegistry", "nonce", [user])).toBe(1n);
  const jobId = await life.submit(sessionId);
  await life.acknowledge(jobId);
  await network.send(worker, "jobRegistry", "completeJob", [jobId, responseHash, committed]);
});

test("the rehearsal dispatcher signs what the contract takes, for a new session and for a new key", async () => {
  await life.register();
  const vouch = async (subject: SignedTerms["subject"], encWorkerKey: Hex, expiry: bigint) => {
    const nonce = await network.read("jobRegistry", "nonce", [user]);
    const terms = { user, subject, worker, encWorkerKey, encDisputerKey: wrappedKey, nonce, expiry };
    const { chainId } = network;
    return signTerms(keys.dispatcher, { chainId, jobRegistry: addresses.jobRegistry }, terms);
  };
  const expiry = (await network.now()) + 600n;
  const signature = await vouch({ modelId: modelId(usual) }, wrappedKey, expiry);
  const args = [usual, worker, wrappedKey, wrappedKey, signature, expiry] as const;
  const created = await network.send(user, "jobRegistry", "createSession", args);
  const { sessionId } = eventArgs(created, "SessionCreated") as { sessionId: bigint };
  const renewed = await vouch({ sessionId: asSessionId(sessionId) }, otherWrappedKey, expiry);
  await network.send(user, "jobRegistry", "updateSessionKey", [
    sessionId,
    otherWrappedKey,
    wrappedKey,
    renewed,
    expiry,
  ]);
  expect(await life.getSession(sessionId)).toMatchObject({ status: 0, encWorkerKey: otherWrappedKey });
  expect(await network.read("jobRegistry", "nonce", [user])).toBe(2n);
});

test("a session whose worker missed a job goes to another worker, and lives again with its key", async () => {
  await life.register();
  await life.register(rival);
  const sessionId = await life.dispatch();
  await life.submit(sessionId);
  await network.advance(ackTimeout + 1n);
  await network.send(keeper, "jobRegistry", "claimTimeout", [1n]);
  expect(await life.getSession(sessionId)).toMatchObject({ status: 1, worker });

  const receipt = await network.send(user, "jobRegistry", "reassignSession", [sessionId]);
  expect(eventArgs(receipt, "SessionReassigned")).toEqual({ sessionId, newWorker: rival });
  expect(await life.getSession(sessionId)).toMatchObject({
    status: 1,
    worker: rival,
    reassignCount: 1n,
    excludedWorkers: [worker],
  });
  const expiry = (await network.now()) + 600n;
  const terms = { worker: rival, key: otherWrappedKey, expiry };
  const signature = await life.dispatcherSignature({ sessionId }, terms);
  const args = [sessionId, otherWrappedKey, "0x", signature, expiry] as const;
  const updated = await network.send(user, "jobRegistry", "updateSessionKey", args);
  expect(eventArgs(updated, "SessionKeyUpdated")).toMatchObject({ sessionId, encWorkerKey: otherWrappedKey });
  expect(await life.getSession(sessionId)).toMatchObject({ status: 0, encWorkerKey: otherWrappedKey });
  await life.acknowledge(await life.submit(sessionId), rival);
});

test("the key of an active session can be rotated", async () => {
  await life.register();
  const sessionId = await life.dispatch();
  const expiry = (await network.now()) + 600n;
  const signature = await life.dispatcherSignature({ sessionId }, { key: otherWrappedKey, expiry });
  const args = [sessionId, otherWrappedKey, "0x", signature, expiry] as const;
  await network.send(user, "jobRegistry", "updateSessionKey", args);
  expect(await life.getSession(sessionId)).toMatchObject({ status: 0, worker, encWorkerKey: otherWrappedKey });
});

test("a closed session takes no jobs, and its jobs in flight go on", async () => {
  const sessionId = await life.session();
  const jobId = await life.submit(sessionId);
  const receipt = await network.send(user, "jobRegistry", "closeSession", [sessionId]);
  expect(eventArgs(receipt, "SessionClosed")).toEqual({ sessionId });
  await network.expectRefused(submission(sessionId), "SessionNotActive", [sessionId]);
  await life.acknowledge(jobId);
  await life.complete(jobId);
  expect(await life.getSession(sessionId)).toMatchObject({ status: 2 });
});
