import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Hex } from "../../../../schema/units.js";
import {
  ackTimeout,
  completionTimeout,
  disputeWindow,
  encryptionKey,
  type Life,
  lifeOn,
  minimum,
  small,
  usual,
  wholeClaimWindow,
} from "./life.js";
import { eventArgs, events, lcai, startTestNetwork, type TestNetwork, who } from "./network.js";

/** Stake, models, offences, capabilities, reputation: contracts reference §4.1 to §4.3, §4.10 to §4.12, beyond the checklist. */
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

const { worker, rival, user, keeper } = who;
const send = (name: "topUpStake" | "reinstate" | "deregisterWorker", value = 0n) =>
  network.send(worker, "workerRegistry", name, [], value);
const miss = async (sessionId: bigint) => {
  const jobId = await life.submit(sessionId);
  await network.advance(ackTimeout + 1n);
  return network.send(keeper, "jobRegistry", "claimTimeout", [jobId]);
};

test("a slash below the minimum takes a worker out of every set, and a top-up brings it back without a new check", async () => {
  await life.register(worker, minimum, [usual, small]);
  const receipt = await miss(await life.openSession());
  expect(events(receipt).filter(({ name }) => name === "WorkerDeactivated")).toEqual([
    { name: "WorkerDeactivated", args: { worker, modelId: usual } },
    { name: "WorkerDeactivated", args: { worker, modelId: small } },
  ]);
  expect([await life.isEligible(), await life.isEligible(worker, small)]).toEqual([false, false]);
  expect(await network.read("workerRegistry", "workerSupportsModel", [worker, usual])).toBe(true);

  await network.set("workerRegistry", "removeWhitelistedModel", [usual]);
  await network.set("aiConfig", "disableModel", [small]);
  await send("topUpStake", minimum / 50n - 1n);
  expect(await life.isEligible()).toBe(false);
  const topUp = await send("topUpStake", 1n);
  expect(eventArgs(topUp, "StakeTopUp")).toEqual({ worker, amount: 1n, newStake: minimum });
  expect([await life.isEligible(), await life.isEligible(worker, small)]).toEqual([true, true]);
});

test("delisting or disabling a model leaves the workers that serve it where they are", async () => {
  await life.register();
  await network.set("workerRegistry", "removeWhitelistedModel", [usual]);
  await network.set("aiConfig", "disableModel", [usual]);
  expect(await life.isEligible()).toBe(true);
  expect(await network.read("workerRegistry", "getEligibleWorkers", [usual])).toEqual([worker]);
});

test("stake above the minimum can be withdrawn while serving, and all of it without models", async () => {
  await life.register(worker, minimum + 10n);
  const receipt = await network.send(worker, "workerRegistry", "withdrawStake", [10n]);
  expect(eventArgs(receipt, "StakeWithdrawn")).toEqual({ worker, amount: 10n, newStake: minimum });
  await network.send(worker, "workerRegistry", "removeSupportedModel", [usual]);
  const before = await network.balance(worker);
  const all = await network.send(worker, "workerRegistry", "withdrawStake", [minimum]);
  expect(await network.balance(worker)).toBe(before - all.gasUsed * all.effectiveGasPrice + minimum);
  expect(await network.read("workerRegistry", "isWorkerRegistered", [worker])).toBe(true);
});

test("a removed model's open session still brings jobs, which hold the worker", async () => {
  const sessionId = await life.session();
  const receipt = await network.send(worker, "workerRegistry", "removeSupportedModel", [usual]);
  expect(eventArgs(receipt, "ModelRemoved")).toEqual({ worker, modelId: usual });
  await life.acknowledge(await life.submit(sessionId));
  expect(await life.activeJobs()).toBe(1n);
});

test("a missed completion costs 5 % of the minimum, counted as one offence", async () => {
  const jobId = await life.acknowledged();
  await network.advance(completionTimeout + 1n);
  const receipt = await network.send(keeper, "jobRegistry", "claimTimeout", [jobId]);
  expect(eventArgs(receipt, "JobTimedOut")).toMatchObject({ slashAmount: minimum / 20n });
  expect(eventArgs(receipt, "KeeperBountyPaid")).toEqual({ jobId, keeper, amount: minimum / 200n, kind: 0 });
  expect(await network.read("workerRegistry", "getOffenseCount", [worker])).toBe(1n);
});

test("a slash never takes more than there is", async () => {
  await life.register(worker, minimum);
  const sessionId = await life.openSession();
  await network.set("aiConfig", "setMinWorkerStake", [minimum * 100n]);
  const receipt = await miss(sessionId);
  expect(eventArgs(receipt, "WorkerSlashed")).toEqual({ worker, amount: minimum, newStake: 0n });
  expect(await life.stake()).toBe(0n);
});

test("with all rates at zero, as on testnet, offences are counted and nothing is taken", async () => {
  await network.set("aiConfig", "setTimeoutSlashBps", [0n]);
  const receipt = await miss(await life.session());
  expect(eventArgs(receipt, "JobTimedOut")).toMatchObject({ slashAmount: 0n });
  expect(await life.stake()).toBe(minimum);
  expect(await network.read("workerRegistry", "getOffenseCount", [worker])).toBe(1n);
  expect(await life.isEligible()).toBe(true);
});

test("slashed funds go to the treasury", async () => {
  const receipt = await miss(await life.session());
  const { slashAmount } = eventArgs(receipt, "JobTimedOut") as { slashAmount: bigint };
  const pot = (slashAmount * 9n) / 10n;
  expect(await network.read("workerRegistry", "getSlashedFunds", [])).toBe(pot);
  await network.set("workerRegistry", "withdrawSlashedFunds", []);
  expect(await network.balance(who.treasury)).toBe(pot);
  expect(await network.read("workerRegistry", "getSlashedFunds", [])).toBe(0n);
});

test("checklist 2: a suspension outlasts its cooldown until the worker asks to be reinstated", async () => {
  await life.suspended();
  const until = await network.read("workerRegistry", "getSuspendedUntil", [worker]);
  await network.advance(until - (await network.now()) + 1_000n);
  expect(await network.read("workerRegistry", "isWorkerSuspended", [worker])).toBe(true);
  expect(await life.isEligible()).toBe(false);
  await send("topUpStake", lcai("100"));
  expect(await life.isEligible()).toBe(false);

  const receipt = await send("reinstate");
  expect(events(receipt)).toEqual([{ name: "WorkerReinstated", args: { worker } }]);
  expect(await network.read("workerRegistry", "isWorkerSuspended", [worker])).toBe(false);
  expect(await life.isEligible()).toBe(true);
});

test("a reinstated worker keeps its offences until the owner resets them, so its next one suspends again", async () => {
  await life.suspended();
  await network.advance(604_800);
  await send("topUpStake", minimum);
  await send("reinstate");
  expect(await network.read("workerRegistry", "getOffenseCount", [worker])).toBe(1n);
  await network.set("aiConfig", "setSuspensionThreshold", [2n]);
  await miss(await life.openSession());
  expect(await network.read("workerRegistry", "isWorkerSuspended", [worker])).toBe(true);
  const receipt = await network.set("workerRegistry", "resetOffenses", [worker]);
  expect(eventArgs(receipt, "OffensesReset")).toEqual({ worker, previousCount: 2 });
  expect(await network.read("workerRegistry", "getOffenseCount", [worker])).toBe(0n);
});

test("a suspended worker may leave with the rest of its stake, but its offences and suspension wait for it", async () => {
  await life.suspended();
  const stake = await life.stake();
  const before = await network.balance(worker);
  const receipt = await send("deregisterWorker");
  expect(await network.balance(worker)).toBe(before - receipt.gasUsed * receipt.effectiveGasPrice + stake);
  await network.send(worker, "workerRegistry", "registerWorker", [encryptionKey], minimum);
  expect(await network.read("workerRegistry", "isWorkerSuspended", [worker])).toBe(true);
  expect(await network.read("workerRegistry", "getOffenseCount", [worker])).toBe(1n);
});

test("after leaving, a worker may register again with another key and serves nothing yet", async () => {
  await life.register();
  await send("deregisterWorker");
  const key: Hex = `0x04${"09".repeat(64)}`;
  await network.send(worker, "workerRegistry", "registerWorker", [key], minimum);
  expect(await network.read("workerRegistry", "getWorkerEncryptionKey", [worker])).toBe(key);
  expect(await network.read("workerRegistry", "workerSupportsModel", [worker, usual])).toBe(false);
  await network.send(worker, "workerRegistry", "addSupportedModel", [usual]);
  expect(await life.isEligible()).toBe(true);
});

test("capabilities are overwritten, and a request that requires one is claimed by a worker that has it", async () => {
  await network.set("workerRegistry", "registerCapability", ["search"]);
  await life.register();
  const receipt = await network.send(worker, "workerRegistry", "setCapabilities", [3n]);
  expect(eventArgs(receipt, "WorkerCapabilitiesSet")).toEqual({ worker, mask: 3n });
  await network.send(worker, "workerRegistry", "setCapabilities", [2n]);
  expect(await network.read("workerRegistry", "getWorkerCapabilities", [worker])).toBe(2n);

  const [mine, other] = [await life.requestRequiring(2n), await life.requestRequiring(1n)];
  expect(await network.read("sessionManager", "getRequiredCapabilities", [mine])).toBe(2n);
  await network.mine(wholeClaimWindow);
  expect(await network.read("sessionManager", "eligibleNow", [other, worker])).toBe(true); // says nothing of capabilities
  await network.expectRefused(network.call(worker, "sessionManager", "claimSession", [other]), "MissingCapabilities", [
    worker,
    1n,
  ]);
  await network.send(worker, "sessionManager", "claimSession", [mine]);
});

test("the total stake of any past block can be read", async () => {
  const at = (block: bigint) => network.read("workerRegistry", "getTotalStaked", [block]);
  const empty = await network.client.getBlockNumber();
  await network.send(worker, "workerRegistry", "registerWorker", [encryptionKey], minimum);
  await network.send(rival, "workerRegistry", "registerWorker", [encryptionKey], 2n * minimum);
  await send("deregisterWorker");
  expect([await at(empty), await at(empty + 1n), await at(empty + 2n), await at(empty + 3n)]).toEqual([
    0n,
    minimum,
    3n * minimum,
    2n * minimum,
  ]);
});

test("a chosen worker is never one of the excluded", async () => {
  await life.register();
  await life.register(rival);
  for (const seed of [0n, 1n, 2n ** 256n - 1n])
    expect(await network.read("workerRegistry", "selectEligibleWorker", [usual, [worker], seed])).toBe(rival);
});

test("reputation starts in the middle, rises with released jobs and falls with missed ones", async () => {
  const score = () => network.read("reputationRegistry", "getScore", [worker]);
  const [first, highest] = [
    await network.read("reputationRegistry", "START_SCORE", []),
    await network.read("reputationRegistry", "MAX_SCORE", []),
  ];
  expect(first).toBeLessThan(highest);
  expect(await score()).toBe(first);
  const jobId = await life.completed();
  await network.advance(disputeWindow);
  const receipt = await network.send(keeper, "jobRegistry", "releaseJob", [jobId]);
  expect(eventArgs(receipt, "ReputationUpdated")).toMatchObject({ worker, reason: 0 });
  const raised = await score();
  expect(raised).toBeGreaterThan(first);
  await miss(await life.openSession());
  expect(await score()).toBeLessThan(raised);
  expect(await network.read("reputationRegistry", "getReputation", [worker])).toMatchObject({
    completions: 1,
    timeouts: 1,
    disputesLost: 0,
    initialized: true,
  });
});

test("the guardian pauses until its role ends, and only the owner unpauses", async () => {
  const receipt = await network.send(who.guardian, "jobRegistry", "sunsetGuardian", []);
  expect(events(receipt)).toEqual([
    {
      name: "GuardianUpdated",
      args: { oldGuardian: who.guardian, newGuardian: "0x0000000000000000000000000000000000000000" },
    },
  ]);
  const pause = network.call(who.guardian, "jobRegistry", "pause", []);
  await network.expectRefused(pause, "NotGuardianOrOwner", [who.guardian]);
  await network.set("jobRegistry", "pause", []);
  await network.set("jobRegistry", "unpause", []);
});

test("more stake is drawn sooner", async () => {
  await network.set("aiConfig", "setClaimWindowBlocks", [200n]);
  await life.register(worker, lcai("5000"));
  await life.register(rival, lcai("95000"));
  let [little, much] = [0, 0];
  for (let round = 0; round < 24; round++) {
    const reqId = await life.request(user);
    await network.mine(2);
    if (await network.read("sessionManager", "eligibleNow", [reqId, worker])) little++;
    if (await network.read("sessionManager", "eligibleNow", [reqId, rival])) much++;
  }
  expect(much).toBeGreaterThan(little);
});
