import fc from "fast-check";
import { decodeFunctionData } from "viem";
import { expect, test } from "vitest";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { plan } from "../../lifecycle/plan.js";
import { parsePurpose } from "../../lifecycle/purpose.js";
import type { Desired, JobStanding, Observed, Plan } from "../../lifecycle/types.js";
import { blockTime, jobId, wei } from "../../schema/units.js";
import {
  encryptionKey,
  gemma,
  gone,
  gwei,
  job,
  lcai,
  llama,
  nobody,
  now,
  sentTx,
  serving,
  session,
  workerWith,
} from "./situations.js";

/* What holds for every plan, whatever the chain says, sensible or not. */

const time = fc.bigInt({ min: now - 100_000n, max: now + 200_000n }).map(blockTime);
const amount = fc.oneof(
  fc.constantFrom("0", "1", "10", "4900", "5000", "5010", "20000").map(lcai),
  fc.bigInt({ min: 0n, max: 10n ** 19n }).map(wei),
);
const models = fc.subarray([llama, gemma]);
const jobs: fc.Arbitrary<JobStanding[]> = fc
  .array(
    fc.record({
      model: fc.constantFrom(llama, gemma),
      state: fc.constantFrom("Submitted", "Acknowledged", "Completed", "Disputed", "Resolved", "Unknown(9)"),
      escrow: amount,
      deadline: time,
      releasableAt: fc.option(time),
      noFaultAt: fc.option(time),
    }),
    { maxLength: 130 },
  )
  .map((list) => list.map((different, index) => job(index + 1, { id: jobId(BigInt(index + 1)), ...different })));

const observed: fc.Arbitrary<Observed> = fc
  .record({
    isRegistered: fc.boolean(),
    balance: amount,
    earnings: amount,
    gasPrice: fc.constantFrom(1n, gwei, 500n * gwei),
    stake: amount,
    supported: models,
    capabilities: fc.constantFrom(0n, 1n, 3n),
    selfContained: fc.constantFrom(0n, 1n),
    mode: fc.constantFrom("sortition", "dispatcher"),
    known: jobs,
    unknownJobs: fc.nat(2),
    offences: fc.bigInt({ min: 0n, max: 4n }),
    suspendedUntil: fc.option(time),
    key: fc.constantFrom(encryptionKey, `0x04${"22".repeat(64)}` as const),
    sessions: fc.array(fc.constantFrom(session(1, "open"), session(2, "dead")), { maxLength: 3 }),
    server: fc.constantFrom("serving", "standby", "silent", "gone"),
    rehearsed: fc.boolean(),
    leftGeneration: fc.nat(2),
    latest: fc.nat(3),
    ahead: fc.nat(2),
    sent: fc.array(
      fc.record({
        kind: fc.constantFrom("register", "deregister", "sweep", "withdraw", "claim"),
        outcome: fc.constantFrom("open", "mined", "reverted", "dead"),
        nonce: fc.nat(5),
        block: fc.bigInt({ min: 900n, max: 1_001n }),
      }),
      { maxLength: 4 },
    ),
    minimum: fc.constantFrom("5000", "5500", "7000"),
    paused: fc.record({ workers: fc.boolean(), jobs: fc.boolean() }),
    whitelisted: fc.boolean(),
    enabled: fc.boolean(),
  })
  .map((given): Observed => {
    const { rules } = nobody();
    const sent = given.sent.map(({ kind, outcome, nonce, block }) =>
      sentTx(kind, kind === "register" ? undefined : "1", {
        outcome,
        nonce,
        mined: outcome === "mined" || outcome === "reverted" ? { block, fee: wei(1n) } : null,
      }),
    );
    return workerWith(
      {
        ...given,
        jobs: given.known,
        nonce: { latest: given.latest, pending: given.latest + given.ahead },
        sent,
        rules: {
          ...rules,
          minimumStake: lcai(given.minimum),
          paused: given.paused,
          selfContained: given.selfContained,
          mode: given.mode,
          models: rules.models.map((one) => ({ ...one, whitelisted: given.whitelisted, enabled: given.enabled })),
        },
      },
      given.isRegistered
        ? {
            stake: given.stake,
            encryptionKey: given.key,
            models: given.supported,
            capabilities: given.capabilities,
            offences: given.offences,
            suspendedUntil: given.suspendedUntil,
            activeJobs: BigInt(given.known.length + given.unknownJobs),
          }
        : null,
    );
  });

const desired: fc.Arbitrary<Desired> = fc.oneof(
  fc.constant<Desired>(gone),
  fc
    .record({
      generation: fc.integer({ min: 1, max: 3 }),
      models,
      stake: fc.oneof(
        amount.map((max) => ({ kind: "minimum" as const, max })),
        amount.map((fixed) => ({ kind: "fixed" as const, amount: fixed })),
      ),
      gasReserve: amount,
    })
    .map((given): Desired => ({ ...serving, ...given })),
);

const always = (name: string, holds: (result: Plan, desired: Desired, observed: Observed) => void) =>
  test(name, () => {
    fc.assert(
      fc.property(desired, observed, (wanted, seen) => holds(plan(wanted, seen), wanted, seen)),
      { numRuns: 400 },
    );
  });

always("every state has a plan, and always the same one", (result, wanted, seen) => {
  expect(plan(wanted, seen)).toEqual(result);
});

always("what is not done yet has a next step or a reason", (result, wanted, { registration }) => {
  if (result.steps.length > 0 || result.blockers.length > 0) return;
  expect(registration === null).toBe(wanted.kind === "gone");
});

always(
  "no purpose stands in a plan twice, and each is of the worker, chain and generation it is for",
  (result, wanted, seen) => {
    const purposes = result.steps.flatMap((step) => ("purpose" in step ? [step.purpose] : []));
    expect(new Set(purposes).size).toBe(purposes.length);
    for (const purpose of purposes)
      expect(parsePurpose(purpose)).toMatchObject({
        chainId: seen.chainId,
        worker: seen.worker,
        generation: wanted.generation,
      });
  },
);

always("nothing that was achieved is planned again", (result, _, { sent }) => {
  const done = new Set(sent.filter(({ outcome }) => outcome === "mined").map(({ purpose }) => purpose));
  for (const step of result.steps) if ("purpose" in step) expect(done.has(step.purpose)).toBe(false);
});

always("the first step is never one that the contracts would refuse", (result, wanted, seen) => {
  const [first] = result.steps;
  const { registration, rules, jobs: known, at } = seen;
  switch (first?.do) {
    case "register":
      expect([registration, rules.paused.workers, seen.rehearsed]).toEqual([null, false, true]);
      expect(first.value).toBeGreaterThanOrEqual(rules.minimumStake);
      expect(seen.balance).toBeGreaterThan(first.value);
      expect(wanted.kind === "serving" && wanted.generation > seen.leftGeneration).toBe(true);
      break;
    case "addModel":
      expect([
        registration === null,
        rules.paused.workers,
        rules.models[0]!.whitelisted,
        rules.models[0]!.enabled,
      ]).toEqual([false, false, true, true]);
      break;
    case "release": {
      const [ids] = decodeFunctionData({ abi: jobRegistryAbi, data: first.data }).args as [bigint[]];
      expect(ids.length).toBeLessThanOrEqual(50);
      for (const id of ids) expect(known.find((one) => one.id === id)!.releasableAt).toBeLessThanOrEqual(at.time);
      expect(rules.paused.jobs).toBe(false);
      break;
    }
    case "settle": {
      const [id] = decodeFunctionData({ abi: jobRegistryAbi, data: first.data }).args as [bigint];
      expect(known.find((one) => one.id === id)!.noFaultAt).toBeLessThanOrEqual(at.time);
      expect([seen.server, rules.paused.jobs]).toEqual(["gone", false]);
      break;
    }
    case "setCapabilities":
      expect([rules.mode, rules.selfContained, rules.paused.workers]).toEqual(["sortition", 1n, false]);
      expect(registration?.capabilities).not.toBe(1n);
      break;
    case "withdraw":
      expect([seen.earnings > 0n, rules.paused.jobs]).toEqual([true, false]);
      break;
    case "deregister":
      expect([registration?.activeJobs, rules.paused.workers]).toEqual([0n, false]);
      break;
    case "sweep":
      expect([registration, seen.earnings > lcai("1")]).toEqual([null, false]);
      break;
    case "reinstate":
      expect(registration!.stake).toBeGreaterThanOrEqual(rules.minimumStake);
      expect(registration!.suspendedUntil).toBeLessThanOrEqual(at.time);
      break;
    default:
  }
});

always("money is never asked of a treasury for a stake that is not going to be locked", (result, wanted, seen) => {
  if (wanted.kind === "gone") expect(result.money.toStake).toBe(0n);
  if (seen.registration !== null && seen.registration.offences > 0n) expect(result.money.toStake).toBe(0n);
  expect(result.money.returns).toBeGreaterThanOrEqual(seen.balance + seen.earnings);
});

always(
  "a worker with a stake and a session that lives is never called quiet",
  (result, _, { registration, sessions }) => {
    if (registration !== null && sessions.some(({ standing }) => standing === "open")) expect(result.quiet).toBe(false);
  },
);
