import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findRegistration } from "../../../lifecycle/history.js";
import { createObserver } from "../../../lifecycle/observe.js";
import { plan } from "../../../lifecycle/plan.js";
import type { Observed } from "../../../lifecycle/types.js";
import type { Address, Hex } from "../../../schema/units.js";
import { disputeWindow, minimum, refusing, small, usual } from "../devnet/contracts/life.js";
import { lcai, who } from "../devnet/contracts/network.js";
import { capital, refundTo, World } from "./world.js";

/* The lifecycle against the devnet's contracts, with the records in a real store. */

let world: World;
let address: Address;
let start: Hex;
beforeAll(async () => {
  world = await World.start();
  ({ address } = world.worker);
});
afterAll(() => world.stop());
beforeEach(async () => {
  start = await world.network.snapshot();
  await world.forgetSent();
});
afterEach(() => world.network.revertTo(start));

/** Funded, registered, serving the usual model. */
async function join(): Promise<void> {
  await world.fund(world.serving());
  expect((await world.reach(world.serving())).kind).toBe("done");
}
async function serveJob(session: bigint): Promise<bigint> {
  const job = await world.life.submit(session);
  await world.life.acknowledge(job, address);
  await world.life.complete(job, address);
  return job;
}
const does = (observed: Observed, desired = world.gone): string[] =>
  plan(desired, observed).steps.map((step) => step.do);

describe("a worker's life, to the wei", () => {
  test("from nothing over two jobs to everything at refundTo", async () => {
    await join();
    const payment = lcai("5010");
    expect(await world.network.balance(world.treasury)).toBe(capital - payment - (await world.gasOf(world.treasury)));
    expect(await world.life.stake(address)).toBe(minimum);

    const session = await world.life.openSession(address);
    const jobs = [await serveJob(session), await serveJob(session)];
    expect(await world.life.activeJobs(address)).toBe(2n);

    const waiting = await world.reach(world.gone);
    const { completedAt } = await world.life.job(jobs[0]!);
    expect(waiting).toMatchObject({ kind: "waiting", until: { kind: "time", time: completedAt + disputeWindow } });
    expect(waiting.plan.money.earliestExit).toBe((await world.life.job(jobs[1]!)).completedAt + disputeWindow);

    await world.network.advance(disputeWindow);
    const sent: string[] = [];
    const outcome = await world.reach(world.gone, {
      onStep: (event) => event.kind === "sending" && sent.push(event.step.do),
    });
    expect([outcome.kind, sent]).toEqual(["done", ["release", "withdraw", "deregister", "sweep"]]);
    const earned = (lcai("0.02") * 2n * 8n) / 10n;
    expect(await world.network.balance(address)).toBe(0n);
    expect(await world.network.balance(refundTo)).toBe(payment + earned - (await world.gasOf(address)));
    expect(outcome.observed).toMatchObject({ registration: null, earnings: 0n, balance: 0n, jobs: [] });
  });

  test("again and again: everything that is repeated changes nothing", async () => {
    await join();
    const before = await world.client.getTransactionCount({ address });
    await world.fund(world.serving());
    expect((await world.reach(world.serving())).kind).toBe("done");
    expect(await world.client.getTransactionCount({ address })).toBe(before);
    await world.reach(world.gone);
    await world.reach(world.gone);
    expect(await world.client.getTransactionCount({ address })).toBe(before + 2);
    expect(await world.reach(world.serving())).toMatchObject({ kind: "blocked", blockers: [{ code: "LF1207" }] });
  });

  test("a payment and an exit at once from two processes happen once", async () => {
    await Promise.all([world.fund(world.serving()), world.fund(world.serving())]);
    expect(await world.network.balance(address)).toBe(lcai("5010"));
    await Promise.all([world.reach(world.serving()), world.reach(world.serving())]);
    await Promise.all([world.reach(world.gone), world.reach(world.gone)]);
    expect(await world.client.getTransactionCount({ address })).toBe(5);
    expect(await world.network.balance(refundTo)).toBe(lcai("5010") - (await world.gasOf(address)));
  });

  test("a sweep to a contract that takes it leaves nothing either", async () => {
    // LOG0, SLOAD: more than a plain transfer costs.
    await world.setCode(refundTo, "0x60006000a0600054500000");
    await join();
    expect((await world.reach(world.gone)).kind).toBe("done");
    expect(await world.network.balance(address)).toBe(0n);
  });

  test("a refundTo that takes no money keeps the worker's balance where it is, with the reason", async () => {
    await join();
    await world.setCode(refundTo, refusing);
    await expect(world.reach(world.gone)).rejects.toMatchObject({ code: "LF1230" });
    expect(await world.life.stake(address)).toBe(0n);
    expect(await world.network.balance(address)).toBeGreaterThan(minimum);
  });
});

describe("what is observed", () => {
  test("of nobody: the rules, and that there is nothing", async () => {
    const observed = await world.observe();
    expect(observed).toMatchObject({
      chainId: 48_221,
      contracts: world.contracts,
      nonce: { latest: 0, pending: 0 },
      registration: null,
      sessions: [],
      jobs: [],
      rules: {
        minimumStake: minimum,
        ackTimeout: 90n,
        completionTimeout: 120n,
        disputeWindow,
        inactivityTimeout: 1_800n,
        slashBps: { ack: 200n, completion: 500n, dispute: 1_500n },
        maxConcurrentJobs: 0n,
        selfContained: 1n,
        mode: "sortition",
        paused: { workers: false, jobs: false },
        models: [{ id: usual, whitelisted: true, enabled: true, fee: lcai("0.02") }],
      },
    });
  });

  test("of a worker: its registration, found without knowing the block, and every model it ever added", async () => {
    await world.fund(world.serving());
    await world.reach(world.serving({ models: [usual, small] }));
    const { registration, rules } = await world.observe({ models: [usual] });
    expect(registration).toEqual({
      stake: minimum,
      encryptionKey: world.worker.encryptionPublicKey,
      models: [usual, small],
      eligible: [usual, small],
      capabilities: 1n,
      offences: 0n,
      suspendedUntil: null,
      activeJobs: 0n,
    });
    expect(rules.models.map(({ id }) => id)).toEqual([usual, small]);
    const found = await findRegistration(
      world.client,
      { contracts: world.contracts, worker: address },
      await world.client.getBlockNumber(),
    );
    const [registered] = await world.client.getLogs({
      address: world.contracts.workerRegistry,
      fromBlock: found!.number,
      toBlock: found!.number,
    });
    expect(registered).toBeDefined();
    expect(await world.observe({ since: found!.number })).toEqual(await world.observe());
  });

  test("of jobs: each until nothing can come of it any more", async () => {
    await join();
    const session = await world.life.openSession(address);
    const standing = async () =>
      (await world.observe()).jobs.map(({ id, state, releasableAt }) => ({ id, state, releasableAt }));
    const job = await world.life.submit(session);
    expect((await world.observe()).jobs).toMatchObject([
      {
        id: job,
        session,
        model: usual,
        state: "Submitted",
        escrow: lcai("0.02"),
        deadline: (await world.network.now()) + 90n,
        releasableAt: null,
      },
    ]);
    expect(does(await world.observe())).toEqual(["wait", "withdraw", "deregister", "sweep"]);
    await world.life.acknowledge(job, address);
    expect(await standing()).toMatchObject([{ id: job, state: "Acknowledged", releasableAt: null }]);
    await world.life.complete(job, address);
    const releasableAt = (await world.network.now()) + disputeWindow;
    expect(await standing()).toEqual([{ id: job, state: "Completed", releasableAt }]);

    await world.network.nextBlockAt(releasableAt - 1n);
    await world.network.mine(1);
    expect(does(await world.observe())[0]).toBe("wait");
    await world.network.mine(1);
    expect(does(await world.observe())[0]).toBe("release");
    await world.network.send(who.keeper, "jobRegistry", "releaseJob", [job]);
    expect(await standing()).toEqual([]);
    expect((await world.observe()).earnings).toBe(lcai("0.016"));
  });

  test("of a disputed job that was won: it can be released", async () => {
    await join();
    const job = await serveJob(await world.life.openSession(address));
    await world.network.send(who.user, "jobRegistry", "disputeJob", [job], lcai("0.02"));
    expect((await world.observe()).jobs).toMatchObject([{ state: "Disputed", releasableAt: null }]);
    await world.network.send(who.disputer, "jobRegistry", "resolveDispute", [
      job,
      false,
      `0x01${"33".repeat(31)}`,
      9_000n,
    ]);
    const observed = await world.observe();
    expect(observed.jobs).toMatchObject([{ state: "Resolved", releasableAt: observed.at.time }]);
    expect((await world.reach(world.gone)).kind).toBe("done");
  });

  test("of sessions: dead only when the contract itself would refuse a job", async () => {
    await join();
    const standing = async () => (await world.observe()).sessions.map(({ standing: word }) => word);
    const first = await world.life.openSession(address);
    const second = await world.life.openSession(address, who.rival);
    // A user without a wei could have some tomorrow.
    await world.network.client.setBalance({ address: who.rival, value: 0n });
    expect(await standing()).toEqual(["open", "open"]);
    expect((await world.observe()).sessions.map(({ id, user }) => [id, user])).toEqual([
      [first, who.user],
      [second, who.rival],
    ]);

    await world.network.send(who.user, "jobRegistry", "closeSession", [first]);
    expect(await standing()).toEqual(["dead", "open"]);
    expect(plan(world.gone, await world.observe()).quiet).toBe(false);
    await world.network.set("jobRegistry", "pause", []);
    await world.network.advance(1_801n);
    expect(await standing()).toEqual(["dead", "open"]); // paused is not dead
    await world.network.set("jobRegistry", "unpause", []);
    expect(await standing()).toEqual(["dead", "dead"]);
    expect(plan(world.gone, await world.observe()).quiet).toBe(true);
  });

  test("of sessions that a dispatcher made, and of those that went to another worker", async () => {
    await join();
    await world.network.set("aiConfig", "setSortitionEnabled", [false]);
    await world.life.register(who.rival);
    const mine = await world.life.dispatch(address);
    await world.life.dispatch(who.rival);
    const observed = await world.observe();
    expect([observed.rules.mode, observed.sessions.map(({ id, standing }) => [id, standing])]).toEqual([
      "dispatcher",
      [[mine, "open"]],
    ]);

    const job = await world.life.submit(mine);
    await world.network.advance(91n);
    await world.network.send(who.keeper, "jobRegistry", "claimTimeout", [job]);
    await world.network.send(who.user, "jobRegistry", "reassignSession", [mine]);
    expect((await world.observe()).sessions.map(({ id, standing }) => [id, standing])).toEqual([[mine, "dead"]]);
  });

  test("by an observer that remembers: the same as by one that does not", async () => {
    const { client, contracts } = world;
    const observer = createObserver({ client, contracts, chainId: 48_221, worker: address });
    const both = async () => {
      const { sent, ...input } = {
        models: [usual],
        since: null,
        sent: [],
        server: "gone",
        rehearsed: true,
        leftGeneration: 0,
      } as const;
      const seen = await observer.observe({ sent, ...input });
      expect(seen).toEqual({ ...(await world.observe()), sent: [] });
      return seen;
    };
    await both();
    await join();
    await both();
    const sessions = [await world.life.openSession(address), await world.life.openSession(address)];
    await serveJob(sessions[0]!);
    await both();
    await world.network.mine(100);
    const job = await serveJob(sessions[1]!);
    await world.network.send(who.user, "jobRegistry", "closeSession", [sessions[0]!]);
    expect((await both()).jobs).toHaveLength(2);
    await world.network.mine(100);
    await world.network.advance(disputeWindow);
    await world.network.send(who.keeper, "jobRegistry", "releaseJob", [job]);
    expect((await both()).jobs).toHaveLength(1);
    await world.network.mine(100);
    expect((await both()).jobs).toHaveLength(1);
  });

  test("in the mempool: what is there and not yet mined", async () => {
    await world.network.sendCall({ from: who.owner, to: address, value: lcai("1"), data: "0x" });
    const hash = await world.network.client.sendTransaction({
      account: address,
      chain: null,
      to: who.owner,
      value: 1n,
    });
    const observed = await world.observe();
    await world.network.client.dropTransaction({ hash }); // a snapshot does not hold the mempool
    expect([observed.nonce, does({ ...observed, server: "serving" })[0], does(observed)[0]]).toEqual([
      { latest: 0, pending: 1 },
      "wait",
      "sweep",
    ]);
  });
});

describe("in trouble", () => {
  test("a worker that was slashed is not refilled, and can leave with what it has", async () => {
    await join();
    const job = await world.life.submit(await world.life.openSession(address));
    await world.network.advance(91n);
    await world.network.send(who.keeper, "jobRegistry", "claimTimeout", [job]);
    expect(await world.reach(world.serving())).toMatchObject({ kind: "blocked", blockers: [{ code: "LF1203" }] });
    const outcome = await world.reach(world.gone);
    expect(outcome.kind).toBe("done");
    expect(await world.network.balance(refundTo)).toBe(lcai("4910") - (await world.gasOf(address)));
  });

  test("a worker whose machine died in the middle of jobs leaves with its whole stake, if nobody settles them before", async () => {
    await join();
    const session = await world.life.openSession(address);
    const [submitted, acknowledged] = [await world.life.submit(session), await world.life.submit(session)];
    await world.life.acknowledge(acknowledged, address);
    await world.network.advance(121n);
    const deadlines = await Promise.all(
      [submitted, acknowledged].map(async (id) => (await world.life.job(id)).deadline),
    );
    const waiting = await world.reach(world.gone);
    expect(waiting).toMatchObject({ kind: "waiting", until: { kind: "time", time: deadlines[0]! + 7_200n } });
    expect(waiting.plan.money.earliestExit).toBe(deadlines[1]! + 7_200n);
    await world.network.advance(7_200n);
    const sent: string[] = [];
    const outcome = await world.reach(world.gone, {
      onStep: (event) => event.kind === "sending" && sent.push(event.step.do),
    });
    expect([outcome.kind, sent]).toEqual(["done", ["settle", "settle", "deregister", "sweep"]]);
    expect(await world.network.balance(refundTo)).toBe(lcai("5010") - (await world.gasOf(address)));
  });

  test("a suspended worker waits, and is reinstated when the time is over", async () => {
    await join();
    await world.network.send(who.owner, "aiConfig", "setSuspensionThreshold", [1n]);
    await world.network.send(who.owner, "aiConfig", "setTimeoutSlashBps", [0n]);
    const job = await world.life.submit(await world.life.openSession(address));
    await world.network.advance(91n);
    await world.network.send(who.keeper, "jobRegistry", "claimTimeout", [job]);
    const until = (await world.network.now()) + 604_800n;
    expect(await world.reach(world.serving())).toMatchObject({ kind: "waiting", until: { kind: "time", time: until } });
    expect(await world.life.isEligible(address)).toBe(false);
    await world.network.advance(604_801n);
    expect((await world.reach(world.serving())).kind).toBe("done");
    expect(await world.life.isEligible(address)).toBe(true);
  });

  test("a raised minimum is followed with the funds that are there", async () => {
    await join();
    await world.network.set("aiConfig", "setMinWorkerStake", [lcai("5005")]);
    expect((await world.reach(world.serving())).kind).toBe("done");
    expect(await world.life.stake(address)).toBe(lcai("5005"));
  });

  test("one model is taken for another, once the first one's jobs are released", async () => {
    await join();
    await serveJob(await world.life.openSession(address));
    const other = world.serving({ models: [small] });
    expect(await world.reach(other)).toMatchObject({ kind: "waiting", until: { kind: "time" } });
    expect(await world.life.isEligible(address, small)).toBe(true);
    await world.network.advance(disputeWindow);
    expect((await world.reach(other)).kind).toBe("done");
    expect([await world.life.isEligible(address, usual), await world.life.isEligible(address, small)]).toEqual([
      false,
      true,
    ]);
  });

  test("a paused network is waited for, and nothing is sent meanwhile", async () => {
    await world.fund(world.serving());
    await world.network.set("workerRegistry", "pause", []);
    expect(await world.reach(world.serving())).toMatchObject({
      kind: "waiting",
      until: { kind: "change", of: "pause" },
    });
    expect(await world.client.getTransactionCount({ address })).toBe(0);
    await world.network.set("workerRegistry", "unpause", []);
    expect((await world.reach(world.serving())).kind).toBe("done");
  });

  test("what a refused transaction was refused for is said by the contract's own name", async () => {
    await join();
    await world.life.submit(await world.life.openSession(address));
    const sender = await world.senderOf("worker");
    const [, , deregister] = plan(world.gone, await world.observe()).steps;
    if (deregister?.do !== "deregister") throw new Error("no such step");
    await expect(sender.send(deregister)).rejects.toMatchObject({
      code: "LF1701",
      reason: `ActiveJobsExist(${address}, 1)`,
      fix: expect.stringContaining("pulumi destroy") as string,
    });
  });
});
