import { concatHex, encodeAbiParameters, keccak256, parseAbiParameters, toHex } from "viem";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { addresses } from "../../../../devnet/contracts/addresses.js";
import { toContractSignature, toFrameSignature } from "../../../../protocol/signature.js";
import type { Hex } from "../../../../schema/units.js";
import { disputeWindow, fee, type Life, lifeOn, minimum, usual } from "./life.js";
import { eventArgs, keys, startTestNetwork, type TestNetwork, who } from "./network.js";

/** Contracts reference §4.8 to the second, the wei and the byte; what is refused is in `refusals/jobs.ts`, what follows a ruling in `sessions.test.ts`. */
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

const { user, worker } = who;
const another = toHex("another answer");
const prove = (jobId: bigint, signature: Hex) =>
  network.call(user, "jobRegistry", "disputeResponseMismatch", [jobId, another, signature]);

test("the worker signs chain, JobRegistry, job, session and ciphertext, as a personal message over their hash, and nothing else", async () => {
  const jobId = await life.completed();
  const { sessionId } = await life.job(jobId);
  const right = [BigInt(network.chainId), addresses.jobRegistry, jobId, sessionId, another] as const;
  const signed = (fields: readonly [bigint, Hex, bigint, bigint, Hex]): Promise<Hex> => {
    const types = parseAbiParameters("uint256, address, uint256, uint256, bytes");
    return keys.worker.signMessage({ message: { raw: keccak256(encodeAbiParameters(types, fields)) } });
  };
  const wrong: readonly (readonly [bigint, Hex, bigint, bigint, Hex])[] = [
    [8200n, right[1], right[2], right[3], right[4]],
    [right[0], addresses.workerRegistry, right[2], right[3], right[4]],
    [right[0], right[1], right[2] + 1n, right[3], right[4]],
    [right[0], right[1], right[2], right[3] + 1n, right[4]],
    [right[0], right[1], right[2], right[3], concatHex([another, "0x00"])],
  ];
  for (const fields of wrong)
    await network.expectRefused(prove(jobId, await signed(fields)), "InvalidWorkerSignature", []);
  expect(await network.refusal(prove(jobId, await signed(right)))).toBeUndefined();
});

test("a signature in the relay's form, last byte 0 or 1, is evidence once that byte is 27 or 28", async () => {
  const lastBytes = new Set<string>();
  for (let attempt = 0; lastBytes.size < 2 && attempt < 40; attempt++) {
    const jobId = await life.completedAgain();
    const wire = toFrameSignature(await life.signAnswer(jobId, Buffer.from("another answer")));
    lastBytes.add(wire.slice(-2));
    await network.expectRefused(prove(jobId, wire), "ECDSAInvalidSignature", []);
    expect(await network.refusal(prove(jobId, toContractSignature(wire)))).toBeUndefined();
  }
  expect([...lastBytes].sort()).toEqual(["00", "01"]);
});

test("the bond is cut off to whole wei, and not a wei of it is asked for more", async () => {
  await network.set("aiConfig", "setModelFee", [usual, 9_999n]);
  await network.set("aiConfig", "setDisputeBondMultiplier", [3_333n]);
  const jobId = await life.submit(await life.session(), user, 9_999n);
  await life.acknowledge(jobId);
  await life.complete(jobId);
  const bond = 3_332n; // 9,999 × 3,333 / 10,000 = 3,332.6667
  const dispute = (value: bigint) => network.call(user, "jobRegistry", "disputeJob", [jobId], value);
  await network.expectRefused(dispute(bond - 1n), "InsufficientDisputeBond", [bond, bond - 1n]);
  await network.sendCall(dispute(bond));
  expect(await life.job(jobId)).toMatchObject({ disputeBond: bond });
});

test("the last second of the window is still in it, for a dispute and for a proof", async () => {
  const jobId = await life.completed();
  const end = (await life.job(jobId)).completedAt + disputeWindow;
  const proof = prove(jobId, await life.signAnswer(jobId, Buffer.from("another answer")));
  const before = await network.snapshot();
  await network.nextBlockAt(end);
  await network.send(user, "jobRegistry", "disputeJob", [jobId], fee);
  expect(await life.job(jobId)).toMatchObject({ state: 4, disputeCreatedAt: end });
  await network.revertTo(before);
  await network.nextBlockAt(end);
  await network.sendCall(proof);
  expect(await life.job(jobId)).toMatchObject({ state: 5 });
});

test("a dispute in the window's last second keeps the job from being released, and so does the disputer's silence", async () => {
  const jobId = await life.completed();
  const end = (await life.job(jobId)).completedAt + disputeWindow;
  await network.nextBlockAt(end);
  await network.send(user, "jobRegistry", "disputeJob", [jobId], fee);
  await network.advance(43_200);
  const release = network.call(worker, "jobRegistry", "releaseJob", [jobId]);
  await network.expectRefused(release, "JobNotInState", [jobId, 2, 4]);
  const leave = network.call(worker, "workerRegistry", "deregisterWorker", []);
  await network.expectRefused(leave, "ActiveJobsExist", [worker, 1n]);

  await network.nextBlockAt(end + 43_201n);
  const receipt = await network.send(who.stranger, "jobRegistry", "claimTimeout", [jobId]);
  expect(eventArgs(receipt, "DisputeDefaulted")).toEqual({ jobId });
  expect(eventArgs(receipt, "WorkerSlashed")).toMatchObject({ amount: (minimum * 15n) / 100n });
  expect(await network.refusal(leave)).toBeUndefined();
});
