import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { addresses } from "../../../../devnet/contracts/addresses.js";
import type { Hex } from "../../../../schema/units.js";
import {
  ackTimeout,
  ciphertext,
  committed,
  completionTimeout,
  disputeWindow,
  encryptionKey,
  fee,
  type Life,
  lifeOn,
  minimum,
  otherWrappedKey,
  promptHash,
  responseHash,
  small,
  usual,
  wholeClaimWindow,
  wrappedKey,
} from "./life.js";
import { pausableCalls, pausableSelectors } from "./pausable-calls.js";
import { eventArgs, events, startTestNetwork, type TestNetwork, who } from "./network.js";

/** One test for each row of the devnet conformance checklist (contracts reference §8); row 1 goes on in abi.test.ts, row 2 in workers.test.ts, row 13 is geth's. */
let network: TestNetwork;
let life: Life;
let start: Hex;
beforeAll(async () => {
  network = await startTestNetwork();
  life = lifeOn(network);
});
afterAll(() => network.stop());
beforeEach(async () => {
  start = await network.snapshot();
});
afterEach(() => network.revertTo(start));

const { stranger } = who;

test("1: WorkerRegistry sits at 0x…1002 and leads to every other contract", async () => {
  expect(addresses.workerRegistry).toBe("0x0000000000000000000000000000000000001002");
  expect(await network.read("workerRegistry", "aiConfig", [])).toBe(addresses.aiConfig);
  expect(await network.read("workerRegistry", "jobRegistry", [])).toBe(addresses.jobRegistry);
  expect(await network.read("aiConfig", "getSessionManagerAddress", [])).toBe(addresses.sessionManager);
  expect(await network.read("jobRegistry", "reputationRegistry", [])).toBe(addresses.reputationRegistry);
  expect(await network.read("reputationRegistry", "jobRegistry", [])).toBe(addresses.jobRegistry);
});

test("2: registration wants a well-formed key and the minimum stake, and keeps what is more", async () => {
  const register = (key: Hex, stake: bigint) =>
    network.call(who.worker, "workerRegistry", "registerWorker", [key], stake);
  const compressed: Hex = `0x02${encryptionKey.slice(4)}`;
  await network.expectRefused(register(compressed, minimum), "InvalidEncryptionKey", []);
  await network.expectRefused(register(encryptionKey, minimum - 1n), "InsufficientStake", [minimum, minimum - 1n]);

  const receipt = await network.sendCall(register(encryptionKey, minimum + 7n));
  expect(events(receipt)).toEqual([
    { name: "WorkerRegistered", args: { worker: who.worker, encryptionPubKey: encryptionKey } },
  ]);
  expect(await life.stake()).toBe(minimum + 7n);
  expect(await network.read("workerRegistry", "getWorkerEncryptionKey", [who.worker])).toBe(encryptionKey);
  expect(await life.isEligible()).toBe(false);
});

test("2: a worker leaves only without active jobs, and takes its whole stake with it at once", async () => {
  await life.register(who.worker, minimum + 7n);
  const jobId = await life.submit(await life.openSession());
  const leave = network.call(who.worker, "workerRegistry", "deregisterWorker", []);
  await network.expectRefused(leave, "ActiveJobsExist", [who.worker, 1n]);
  await life.acknowledge(jobId);
  await life.complete(jobId);
  await network.advance(disputeWindow);
  await network.expectRefused(leave, "ActiveJobsExist", [who.worker, 1n]);
  await network.send(stranger, "jobRegistry", "releaseJob", [jobId]);

  const before = await network.balance(who.worker);
  const receipt = await network.sendCall(leave);
  expect(events(receipt)).toEqual([{ name: "WorkerDeregistered", args: { worker: who.worker } }]);
  const gas = receipt.gasUsed * receipt.effectiveGasPrice;
  expect(await network.balance(who.worker)).toBe(before - gas + minimum + 7n);
  expect(await network.read("workerRegistry", "getWorkerEncryptionKey", [who.worker])).toBe("0x");
  expect(await network.read("workerRegistry", "isWorkerRegistered", [who.worker])).toBe(false);
  expect(await network.read("workerRegistry", "getEligibleWorkers", [usual])).toEqual([]);
});

test("3: active jobs rise at submission and fall only at release, timeout, no-fault settlement or ruling", async () => {
  await life.register(who.worker, minimum, [usual, small]);
  const sessionId = await life.openSession();
  const other = await life.openSession(who.worker, who.user, small);
  await life.submit(other);
  const removeUsual = network.call(who.worker, "workerRegistry", "removeSupportedModel", [usual]);
  const usualJobs = async (): Promise<unknown> => (await network.refusal(removeUsual))?.args[2] ?? 0;
  expect([await life.activeJobs(), await usualJobs()]).toEqual([1n, 0]);

  const [late, stuck, convicted, acquitted, paid] = [
    await life.submit(sessionId),
    await life.submit(sessionId),
    await life.submit(sessionId),
    await life.submit(sessionId),
    await life.submit(sessionId),
  ];
  expect([await life.activeJobs(), await usualJobs()]).toEqual([6n, 5]);
  for (const jobId of [convicted, acquitted, paid]) {
    await life.acknowledge(jobId);
    await life.complete(jobId);
  }
  for (const jobId of [convicted, acquitted]) await network.send(who.user, "jobRegistry", "disputeJob", [jobId], fee);
  expect([await life.activeJobs(), await usualJobs()]).toEqual([6n, 5]);

  await network.send(who.disputer, "jobRegistry", "resolveDispute", [convicted, true, responseHash, 100n]);
  expect(await usualJobs()).toBe(4);
  await network.advance(ackTimeout + 1n);
  await network.send(stranger, "jobRegistry", "claimTimeout", [late]);
  expect(await usualJobs()).toBe(3);
  await network.advance(7_200);
  await network.send(stranger, "jobRegistry", "settleStuckJob", [stuck]);
  expect(await usualJobs()).toBe(2);
  await network.advance(disputeWindow);
  await network.send(stranger, "jobRegistry", "releaseJob", [paid]);
  expect(await usualJobs()).toBe(1);
  await network.send(who.disputer, "jobRegistry", "resolveDispute", [acquitted, false, responseHash, 9_900n]);
  await network.send(stranger, "jobRegistry", "releaseJob", [acquitted]);
  expect([await life.activeJobs(), await usualJobs()]).toEqual([1n, 0]);
});

test("4: the one deadline is the ack limit first and the completion limit from then on", async () => {
  const sessionId = await life.session();
  const jobId = await life.submit(sessionId);
  const submittedAt = await network.now();
  const submitBlockNumber = await network.client.getBlockNumber();
  expect(await life.job(jobId)).toMatchObject({
    sessionId,
    worker: who.worker,
    state: 0,
    escrowedFee: fee,
    promptBlobHash: promptHash,
    submittedAt,
    submitBlockNumber,
    deadline: submittedAt + ackTimeout,
  });
  await network.nextBlockAt(submittedAt + ackTimeout);
  await life.acknowledge(jobId);
  const ackTimestamp = submittedAt + ackTimeout;
  const job = await life.job(jobId);
  expect(job).toMatchObject({ state: 1, ackTimestamp, deadline: ackTimestamp + completionTimeout });
  await network.nextBlockAt(job.deadline);
  await life.complete(jobId);
  expect(await life.job(jobId)).toMatchObject({ state: 2, completedAt: job.deadline });
});

test("4: one second past the deadline the worker is too late, and the timeout can be claimed", async () => {
  const jobId = await life.submitted();
  const acknowledge = network.call(who.worker, "jobRegistry", "acknowledgeJob", [jobId]);
  const complete = network.call(who.worker, "jobRegistry", "completeJob", [jobId, responseHash, committed]);
  const claim = network.call(stranger, "jobRegistry", "claimTimeout", [jobId]);
  const atDeadline = async (): Promise<bigint> => {
    const { deadline } = await life.job(jobId);
    await network.advance(deadline - (await network.now()));
    await network.expectRefused(claim, "NotTimedOut", [jobId, deadline, deadline]);
    return deadline;
  };

  const ackLimit = await atDeadline();
  const open = await network.snapshot();
  await network.advance(1);
  await network.expectRefused(acknowledge, "DeadlineExceeded", [jobId, ackLimit, ackLimit + 1n]);
  expect(await network.refusal(claim)).toBeUndefined();
  await network.revertTo(open);

  await network.nextBlockAt(ackLimit);
  await network.sendCall(acknowledge);
  const completionLimit = await atDeadline();
  await network.advance(1);
  await network.expectRefused(complete, "DeadlineExceeded", [jobId, completionLimit, completionLimit + 1n]);
  expect(await network.refusal(claim)).toBeUndefined();
});

test("5: completeJob is a plain transaction that stores both hashes and its block", async () => {
  const jobId = await life.acknowledged();
  const zero: Hex = `0x${"00".repeat(32)}`;
  const complete = (from: typeof stranger, hash: Hex) =>
    network.call(from, "jobRegistry", "completeJob", [jobId, responseHash, hash]);
  await network.expectRefused(complete(stranger, committed), "NotJobWorker", [jobId, stranger, who.worker]);
  await network.expectRefused(complete(who.worker, zero), "InvalidResponseCiphertextHash", []);

  const receipt = await network.sendCall(complete(who.worker, committed));
  expect(receipt.type).not.toBe("eip4844");
  expect(events(receipt)).toEqual([
    {
      name: "JobCompleted",
      args: { jobId, worker: who.worker, responseBlobHash: responseHash, responseCiphertextHash: committed },
    },
  ]);
  expect(await life.job(jobId)).toMatchObject({
    state: 2,
    responseBlobHash: responseHash,
    responseCiphertextHash: committed,
    completionBlockNumber: receipt.blockNumber,
    completedAt: await network.now(),
  });
  await network.expectRefused(complete(who.worker, committed), "JobNotInState", [jobId, 1, 2]);
});

test("6: anyone releases from the exact end of the dispute window, all jobs or none, into the worker's balance", async () => {
  const sessionId = await life.session();
  const jobs = [await life.submit(sessionId), await life.submit(sessionId)];
  for (const jobId of jobs) await life.acknowledge(jobId);
  await life.complete(jobs[0]!);
  await network.advance(10);
  await life.complete(jobs[1]!);
  const ends = await Promise.all(jobs.map(async (id) => (await life.job(id)).completedAt + disputeWindow));
  const release = network.call(stranger, "jobRegistry", "releaseJobs", [jobs]);

  await network.advance(ends[0]! - (await network.now()));
  await network.expectRefused(release, "DisputeWindowNotElapsed", [jobs[1], ends[1], ends[0]]);
  expect(await network.refusal(network.call(stranger, "jobRegistry", "releaseJob", [jobs[0]!]))).toBeUndefined();
  await network.nextBlockAt(ends[1]!);
  const receipt = await network.sendCall(release);
  const shares = { workerShare: (fee * 80n) / 100n, protocolShare: (fee * 15n) / 100n, feePoolShare: fee / 20n };
  expect(events(receipt).filter(({ name }) => name === "JobReleased" || name === "FeeDistributed")).toEqual(
    jobs.flatMap((jobId) => [
      { name: "JobReleased", args: { jobId, ...shares } },
      { name: "FeeDistributed", args: { jobId, ...shares } },
    ]),
  );
  expect(await network.balance(who.treasury)).toBe(2n * shares.protocolShare);
  expect(await network.balance(addresses.feePool)).toBe(2n * shares.feePoolShare);
  expect(await network.read("jobRegistry", "workerBalance", [who.worker])).toBe(2n * shares.workerShare);

  const before = await network.balance(who.worker);
  const withdrawal = await network.send(who.worker, "jobRegistry", "withdraw", []);
  expect(eventArgs(withdrawal, "WorkerWithdrawal")).toEqual({ worker: who.worker, amount: 2n * shares.workerShare });
  const gas = withdrawal.gasUsed * withdrawal.effectiveGasPrice;
  expect(await network.balance(who.worker)).toBe(before - gas + 2n * shares.workerShare);
  expect(await network.read("jobRegistry", "workerBalance", [who.worker])).toBe(0n);
});

test("7: anyone claims a timeout: the user is refunded, the worker slashed by the minimum stake and suspended at the third", async () => {
  await life.register(who.worker, 2n * minimum);
  const slash = minimum / 50n; // 200 bps of the minimum, not of the stake
  for (const offence of [1n, 2n, 3n]) {
    const jobId = await life.submit(await life.openSession());
    await network.advance(ackTimeout + 1n);
    const [user, keeper] = [await network.balance(who.user), await network.balance(who.keeper)];
    const receipt = await network.send(who.keeper, "jobRegistry", "claimTimeout", [jobId]);
    const newStake = 2n * minimum - offence * slash;
    expect(eventArgs(receipt, "JobTimedOut")).toEqual({ jobId, worker: who.worker, slashAmount: slash });
    expect(eventArgs(receipt, "WorkerSlashed")).toEqual({ worker: who.worker, amount: slash, newStake });
    expect(await network.balance(who.user)).toBe(user + fee);
    const gas = receipt.gasUsed * receipt.effectiveGasPrice;
    expect(await network.balance(who.keeper)).toBe(keeper - gas + slash / 10n);
    expect(await network.read("workerRegistry", "getOffenseCount", [who.worker])).toBe(offence);
    expect(await life.job(jobId)).toMatchObject({ state: 3, escrowedFee: 0n });
    expect(await network.read("workerRegistry", "isWorkerSuspended", [who.worker])).toBe(offence === 3n);
    if (offence === 3n) {
      const until = (await network.now()) + 604_800n;
      expect(eventArgs(receipt, "WorkerSuspended")).toEqual({ worker: who.worker, until });
      expect(eventArgs(receipt, "WorkerDeactivated")).toEqual({ worker: who.worker, modelId: usual });
    }
  }
  expect(await network.read("workerRegistry", "getSlashedFunds", [])).toBe((3n * slash * 9n) / 10n);
});

test("8: a worker that signed another answer than it committed is convicted by its own signature", async () => {
  const jobId = await life.completed();
  const prove = async (answer: Uint8Array, signer: "worker" | "rival" = "worker") => {
    const signature = await life.signAnswer(jobId, answer, signer);
    const bytes: Hex = `0x${Buffer.from(answer).toString("hex")}`;
    return network.call(who.user, "jobRegistry", "disputeResponseMismatch", [jobId, bytes, signature]);
  };
  const another = Buffer.from("another answer");
  await network.expectRefused(await prove(ciphertext), "NoBlobMismatch", [jobId]);
  await network.expectRefused(await prove(another, "rival"), "InvalidWorkerSignature", []);

  const before = await network.balance(who.user);
  const receipt = await network.sendCall(await prove(another));
  expect(eventArgs(receipt, "DisputeResolved")).toMatchObject({ jobId, workerGuilty: true });
  expect(eventArgs(receipt, "WorkerSlashed")).toMatchObject({ amount: (minimum * 15n) / 100n });
  const gas = receipt.gasUsed * receipt.effectiveGasPrice;
  expect(await network.balance(who.user)).toBe(before - gas + fee);
  expect(await life.job(jobId)).toMatchObject({ state: 5, escrowedFee: 0n });
  expect(await life.activeJobs()).toBe(0n);
});

test("9: a wrapped key has 125 bytes, and the worker reads it with the session's status", async () => {
  await life.register();
  const reqId = await life.claim();
  const provide = (key: Hex, disputerKey: Hex = "0x") =>
    network.call(who.user, "sessionManager", "provideSessionKey", [reqId, key, disputerKey]);
  for (const bytes of [0, 124, 126])
    await network.expectRefused(provide(`0x${"ab".repeat(bytes)}`), "InvalidSessionKey", []);
  await network.expectRefused(provide(wrappedKey, "0xab"), "InvalidSessionKey", []);
  expect(await network.refusal(provide(wrappedKey))).toBeUndefined();

  const receipt = await network.sendCall(provide(wrappedKey, otherWrappedKey));
  const { sessionId } = eventArgs(receipt, "SessionReady") as { sessionId: bigint };
  expect(events(receipt)).toEqual([
    { name: "SessionAdopted", args: { sessionId, user: who.user, worker: who.worker } },
    { name: "SessionReady", args: { reqId, sessionId } },
  ]);
  expect(await life.getSession(sessionId)).toEqual({
    user: who.user,
    modelId: usual,
    worker: who.worker,
    status: 0,
    encWorkerKey: wrappedKey,
    encDisputerKey: otherWrappedKey,
    jobCount: 0n,
    lastActivityAt: await network.now(),
    reassignCount: 0n,
    deposit: 0n,
    excludedWorkers: [],
  });
});

test("10: nobody is eligible before the seed; then eligibility only grows, and reaches everybody by the end of the window", async () => {
  const workers = [who.worker, who.rival, who.third];
  for (const [index, worker] of workers.entries()) await life.register(worker, minimum * BigInt(1 + index));
  const waits = new Set<number>();
  for (let round = 0; round < 8; round++) {
    const reqId = await life.request();
    for (const worker of workers) {
      const claim = network.call(worker, "sessionManager", "claimSession", [reqId]);
      await network.expectRefused(claim, "SeedNotReady", [reqId]);
    }
    const history: boolean[][] = workers.map(() => []);
    for (let block = 0; block <= wholeClaimWindow; block++) {
      for (const [index, worker] of workers.entries()) {
        const eligible = await network.read("sessionManager", "eligibleNow", [reqId, worker]);
        const refusal = await network.refusal(network.call(worker, "sessionManager", "claimSession", [reqId]));
        expect(refusal === undefined, "a claim passes exactly when the worker is eligible").toBe(eligible);
        history[index]!.push(eligible);
      }
      await network.mine(1);
    }
    for (const seen of history) {
      expect(seen.slice(0, 2)).toEqual([false, false]); // the request's block, and the seed's own
      expect(seen.at(-1)).toBe(true);
      expect(seen).toEqual([...seen].sort((a, b) => Number(a) - Number(b)));
      waits.add(seen.indexOf(true));
    }
  }
  expect(waits.size, "chance decides when").toBeGreaterThan(1);
});

test("10: one worker wins a request, and the losers learn who came first by a revert", async () => {
  for (const worker of [who.worker, who.rival]) await life.register(worker);
  const reqId = await life.claim(who.rival);
  expect(await network.read("sessionManager", "getRequest", [reqId])).toMatchObject({
    worker: who.rival,
    status: 1,
  });
  const late = network.call(who.worker, "sessionManager", "claimSession", [reqId]);
  await network.expectRefused(late, "AlreadyClaimed", [reqId]);
  expect(await network.read("sessionManager", "eligibleNow", [reqId, who.worker])).toBe(false);
  await network.send(who.user, "sessionManager", "provideSessionKey", [reqId, wrappedKey, "0x"]);
  await network.expectRefused(late, "RequestNotOpen", [reqId]);
});

test("11: while paused, everything that changes state is refused, and views answer", async () => {
  const jobId = await life.completed();
  await network.send(who.guardian, "workerRegistry", "pause", []);
  await network.send(who.guardian, "jobRegistry", "pause", []);
  const calls = pausableCalls(network, jobId);
  expect(calls.map(({ data }) => data.slice(0, 10)).sort()).toEqual(pausableSelectors());
  for (const call of calls) await network.expectRefused(call, "EnforcedPause", []);
  expect(await network.read("jobRegistry", "paused", [])).toBe(true);
  expect(await life.job(jobId)).toMatchObject({ state: 2 });

  await network.set("workerRegistry", "unpause", []);
  await network.set("jobRegistry", "unpause", []);
  await network.send(who.worker, "workerRegistry", "topUpStake", [], 1n);
});

test("12: every time limit is shortened by its setter, for jobs submitted from then on", async () => {
  const before = await life.submitted();
  await network.set("aiConfig", "setAckTimeout", [20n]);
  await network.set("aiConfig", "setCompletionTimeout", [30n]);
  await network.set("aiConfig", "setDisputeWindow", [5n]);
  const { sessionId, submittedAt, deadline } = await life.job(before);
  expect(deadline).toBe(submittedAt + ackTimeout);

  const jobId = await life.submit(sessionId);
  const job = await life.job(jobId);
  expect(job.deadline).toBe(job.submittedAt + 20n);
  await life.acknowledge(jobId);
  const acknowledged = await life.job(jobId);
  expect(acknowledged.deadline).toBe(acknowledged.ackTimestamp + 30n);
  await life.complete(jobId);
  await network.advance(5);
  await network.send(stranger, "jobRegistry", "releaseJob", [jobId]);
  expect(await life.job(jobId)).toMatchObject({ state: 6, escrowedFee: 0n });
});
