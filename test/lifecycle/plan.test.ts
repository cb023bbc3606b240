import { decodeFunctionData } from "viem";
import { describe, expect, test } from "vitest";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { gasBound, gasCost } from "../../lifecycle/gas.js";
import { plan } from "../../lifecycle/plan.js";
import type { Desired, Observed, Plan, Step } from "../../lifecycle/types.js";
import { blockTime, wei } from "../../schema/units.js";
import {
  completed,
  contracts,
  encryptionKey,
  gemma,
  gone,
  gwei,
  hours,
  job,
  lcai,
  llama,
  nobody,
  now,
  refundTo,
  sentTx,
  serving,
  session,
  worker,
  workerWith,
} from "./situations.js";

/** A plan in words: what each step does, and what each blocker is called. */
const inWords = ({ steps, blockers }: Plan): string[] => [...steps.map(step), ...blockers.map(({ code }) => code)];
const step = (one: Step): string => {
  if (one.do !== "wait") return one.do;
  if (one.until.kind === "time") return `wait ${Number(one.until.time - now) / 3600} h`;
  return one.until.kind === "change" ? `wait for ${one.until.of}` : "wait for a transaction";
};
const funded = { balance: lcai("5010") };

type Situation = [situation: string, desired: Desired, observed: Observed, expected: string[]];

describe("to serve", () => {
  const situations: Situation[] = [
    [
      "nobody without funds waits for them",
      serving,
      nobody(),
      ["wait for funds", "register", "addModel", "setCapabilities"],
    ],
    [
      "with the stake alone it still waits",
      serving,
      nobody({ balance: lcai("5000") }),
      ["wait for funds", "register", "addModel", "setCapabilities"],
    ],
    ["a funded one registers and adds its model", serving, nobody(funded), ["register", "addModel", "setCapabilities"]],
    [
      "no stake before the rehearsal",
      serving,
      nobody({ ...funded, rehearsed: false }),
      ["rehearse", "register", "addModel", "setCapabilities"],
    ],
    [
      "two models are added one after the other",
      { ...serving, models: [llama, gemma] },
      nobody(funded),
      ["register", "addModel", "addModel", "setCapabilities"],
    ],
    [
      "a model that is named twice is added once",
      { ...serving, models: [llama, llama] },
      nobody(funded),
      ["register", "addModel", "setCapabilities"],
    ],
    [
      "a paused registry is waited for",
      serving,
      nobody({ ...funded, rules: paused("workers") }),
      ["wait for pause", "register", "addModel", "setCapabilities"],
    ],
    [
      "a network without capabilities is told none",
      serving,
      nobody({ ...funded, rules: { ...nobody().rules, selfContained: 0n } }),
      ["register", "addModel"],
    ],
    [
      "nor is one that assigns workers itself",
      serving,
      workerWith({ rules: { ...nobody().rules, mode: "dispatcher" } }, { capabilities: 0n }),
      [],
    ],
    [
      "one that has declared nothing declares what it can do",
      serving,
      workerWith({}, { capabilities: 0n }),
      ["setCapabilities"],
    ],
    ["and takes back what it cannot", serving, workerWith({}, { capabilities: 3n }), ["setCapabilities"]],
    [
      "declaring comes after what can be done now",
      { ...serving, models: [gemma] },
      workerWith({ jobs: [completed(1, -1)] }, { models: [llama], capabilities: 0n }),
      ["addModel", "release", "removeModel", "setCapabilities"],
    ],
    [
      "and does not wait for dispute windows",
      { ...serving, models: [gemma] },
      workerWith({ jobs: [completed(1, 3)] }, { models: [llama, gemma], capabilities: 0n }),
      ["setCapabilities", "wait 3 h", "removeModel"],
    ],
    ["a registered one without models adds them", serving, workerWith({}, { models: [], eligible: [] }), ["addModel"]],
    ["one that serves as desired does nothing", serving, workerWith(), []],
    [
      "one with jobs and earnings does nothing either",
      serving,
      workerWith({ jobs: [completed(1, 3)], earnings: lcai("1") }),
      [],
    ],
    [
      "a paused registry does not matter to one that has nothing to do",
      serving,
      workerWith({ rules: paused("workers") }),
      [],
    ],
    ["another model is added", { ...serving, models: [llama, gemma] }, workerWith(), ["addModel"]],
    [
      "but only once rehearsed",
      { ...serving, models: [llama, gemma] },
      workerWith({ rehearsed: false }),
      ["rehearse", "addModel"],
    ],
    [
      "a model that is not wanted any more is removed",
      { ...serving, models: [gemma] },
      workerWith({}, { models: [llama, gemma] }),
      ["removeModel"],
    ],
    ["one model for another", { ...serving, models: [gemma] }, workerWith(), ["addModel", "removeModel"]],
    [
      "a model with a job in its dispute window stays until then",
      { ...serving, models: [gemma] },
      workerWith({ jobs: [completed(1, 3), completed(2, 5)] }, { models: [llama, gemma] }),
      ["wait 3 h", "removeModel"],
    ],
    [
      "a model whose jobs can be released is freed by releasing them",
      { ...serving, models: [gemma] },
      workerWith({ jobs: [completed(1, -1)] }, { models: [llama, gemma] }),
      ["release", "removeModel"],
    ],
    [
      "jobs of other models do not hold it",
      { ...serving, models: [gemma] },
      workerWith({ jobs: [completed(1, 3, gemma)] }, { models: [llama, gemma] }),
      ["removeModel"],
    ],
    [
      "jobs that are not known here may be its own",
      { ...serving, models: [gemma] },
      workerWith({}, { models: [llama, gemma], activeJobs: 1n }),
      ["wait for jobs", "removeModel"],
    ],
    ["a raised minimum is followed", serving, workerWith({ balance: lcai("900"), rules: minimum("5500") }), ["topUp"]],
    ["if the funds are there", serving, workerWith({ rules: minimum("5500") }), ["wait for funds", "topUp"]],
    [
      "but not beyond what is allowed",
      serving,
      workerWith({ balance: lcai("5000"), rules: minimum("7000") }),
      ["LF1206"],
    ],
    [
      "a fixed stake is topped up to",
      { ...serving, stake: { kind: "fixed", amount: lcai("5004") } },
      workerWith(),
      ["topUp"],
    ],
    [
      "a stake that an offence cut is not refilled by itself",
      serving,
      workerWith({ balance: lcai("900") }, { stake: lcai("4900"), offences: 1n }),
      ["LF1203"],
    ],
    [
      "nor are models added to it",
      { ...serving, models: [llama, gemma] },
      workerWith({}, { stake: lcai("4900"), offences: 1n }),
      ["LF1203"],
    ],
    ["an offence that left enough stake changes nothing", serving, workerWith({}, { offences: 1n }), []],
    [
      "a suspended one waits for the end of it",
      serving,
      workerWith({}, { offences: 3n, suspendedUntil: hours(10), eligible: [] }),
      ["wait 10 h"],
    ],
    [
      "and then says that it is over",
      serving,
      workerWith({}, { offences: 3n, suspendedUntil: hours(-1), eligible: [] }),
      ["reinstate"],
    ],
    [
      "unless its stake is too low for it",
      serving,
      workerWith({}, { stake: lcai("4900"), offences: 3n, suspendedUntil: hours(-1) }),
      ["LF1203"],
    ],
    [
      "another encryption key on chain stops everything",
      serving,
      workerWith({}, { encryptionKey: `0x04${"22".repeat(64)}`, models: [] }),
      ["LF1201"],
    ],
    [
      "a model that is not on the network's list takes no stake",
      serving,
      nobody({ ...funded, rules: model({ whitelisted: false }) }),
      ["LF1204"],
    ],
    ["nor does a disabled one", serving, nobody({ ...funded, rules: model({ enabled: false }) }), ["LF1205"]],
    [
      "a model that is retired while it is served stays",
      serving,
      workerWith({ rules: model({ whitelisted: false, enabled: false }) }),
      [],
    ],
    [
      "one bad model does not keep another from being added",
      { ...serving, models: [llama, gemma] },
      workerWith({ rules: model({ enabled: false }) }, { models: [] }),
      ["addModel", "LF1205"],
    ],
    [
      "a minimum above what is allowed takes no stake",
      serving,
      nobody({ ...funded, rules: minimum("6001") }),
      ["LF1206"],
    ],
    [
      "a fixed stake below the minimum is refused",
      { ...serving, stake: { kind: "fixed", amount: lcai("4999") } },
      nobody(funded),
      ["LF1202"],
    ],
    ["a generation that left does not come back", serving, nobody({ ...funded, leftGeneration: 1 }), ["LF1207"]],
    ["not even when a later one left", serving, nobody({ ...funded, leftGeneration: 2 }), ["LF1207"]],
    [
      "the next generation may",
      { ...serving, generation: 2 },
      nobody({ ...funded, leftGeneration: 1 }),
      ["register", "addModel", "setCapabilities"],
    ],
    [
      "a registration that was mined and is gone again counts as left",
      serving,
      nobody({ ...funded, sent: [sentTx("register", undefined)] }),
      ["LF1207"],
    ],
    [
      "one that reverted does not",
      serving,
      nobody({ ...funded, sent: [sentTx("register", undefined, { outcome: "reverted" })] }),
      ["register", "addModel", "setCapabilities"],
    ],
    [
      "a worker without gas for its next step waits for funds",
      { ...serving, models: [llama, gemma] },
      workerWith({ balance: wei(1_000n) }),
      ["wait for funds", "addModel"],
    ],
  ];
  test.each(situations)("%s", (_, desired, observed, expected) =>
    expect(inWords(plan(desired, observed))).toEqual(expected),
  );
});

describe("to be gone", () => {
  const left = (different: Partial<Observed> = {}) => workerWith(different, null);
  const situations: Situation[] = [
    ["nobody has nothing to do", gone, nobody(), []],
    ["a worker that only served leaves at once", gone, workerWith(), ["deregister", "sweep"]],
    [
      "a job that nobody will ever answer is waited for until it can be settled without a slash",
      gone,
      workerWith({ jobs: [job(1, { state: "Acknowledged", noFaultAt: hours(2) }), completed(2, 3)], server: "gone" }),
      ["wait 2 h", "withdraw", "deregister", "sweep"],
    ],
    [
      "and then is, before anything else that waits",
      gone,
      workerWith({ jobs: [job(1, { state: "Submitted", noFaultAt: hours(0) }), completed(2, 3)], server: "gone" }),
      ["settle", "wait 3 h", "withdraw", "deregister", "sweep"],
    ],
    [
      "but not while somebody may still answer it",
      gone,
      workerWith({ jobs: [job(1, { state: "Acknowledged", noFaultAt: hours(-1) })], server: "standby" }),
      ["wait for jobs", "withdraw", "deregister", "sweep"],
    ],
    [
      "nor while the contract that settles is paused",
      gone,
      workerWith({
        jobs: [job(1, { state: "Acknowledged", noFaultAt: hours(0) })],
        server: "gone",
        rules: { ...nobody().rules, paused: { workers: false, jobs: true } },
      }),
      ["wait for pause", "settle", "wait for pause", "withdraw", "deregister", "sweep"],
    ],
    [
      "it withdraws what it earned first",
      gone,
      workerWith({ earnings: lcai("0.4") }),
      ["withdraw", "deregister", "sweep"],
    ],
    [
      "earnings that cost more to fetch than they are stay behind",
      gone,
      workerWith({ earnings: wei(1_000n) }),
      ["deregister", "sweep"],
    ],
    [
      "a job in its dispute window is waited for",
      gone,
      workerWith({ jobs: [completed(1, 3)] }),
      ["wait 3 h", "withdraw", "deregister", "sweep"],
    ],
    [
      "the first of several windows comes first",
      gone,
      workerWith({ jobs: [completed(1, 5), completed(2, 3)] }),
      ["wait 3 h", "withdraw", "deregister", "sweep"],
    ],
    [
      "a job whose window has passed is released",
      gone,
      workerWith({ jobs: [completed(1, -1)] }),
      ["release", "withdraw", "deregister", "sweep"],
    ],
    [
      "but not a second before that",
      gone,
      workerWith({ jobs: [job(1, { releasableAt: blockTime(now + 1n) })] }),
      ["wait 0.0002777777777777778 h", "withdraw", "deregister", "sweep"],
    ],
    [
      "exactly at the end of the window too",
      gone,
      workerWith({ jobs: [completed(1, 0)] }),
      ["release", "withdraw", "deregister", "sweep"],
    ],
    [
      "what can be released is, before the rest is waited for",
      gone,
      workerWith({ jobs: [completed(1, -1), completed(2, 3)] }),
      ["release", "wait 3 h", "withdraw", "deregister", "sweep"],
    ],
    [
      "120 jobs are released in three batches",
      gone,
      workerWith({ jobs: Array.from({ length: 120 }, (_, index) => completed(index + 1, -1)) }),
      ["release", "release", "release", "withdraw", "deregister", "sweep"],
    ],
    [
      "a dispute that was won is released",
      gone,
      workerWith({ jobs: [job(1, { state: "Resolved", releasableAt: blockTime(now) })] }),
      ["release", "withdraw", "deregister", "sweep"],
    ],
    [
      "a disputed job waits for its verdict",
      gone,
      workerWith({ jobs: [job(1, { state: "Disputed" })] }),
      ["wait for jobs", "withdraw", "deregister", "sweep"],
    ],
    [
      "a job that is being answered is waited for",
      gone,
      workerWith({ jobs: [job(1, { state: "Acknowledged" })] }),
      ["wait for jobs", "withdraw", "deregister", "sweep"],
    ],
    [
      "a job that is stuck past its deadline waits for somebody to settle it",
      gone,
      workerWith({ jobs: [job(1, { state: "Acknowledged", deadline: hours(-1) })] }),
      ["wait for jobs", "withdraw", "deregister", "sweep"],
    ],
    [
      "a job of a state that nobody knows yet is waited for",
      gone,
      workerWith({ jobs: [job(1, { state: "Unknown(9)" })] }),
      ["wait for jobs", "withdraw", "deregister", "sweep"],
    ],
    [
      "jobs that only the contract knows are waited for",
      gone,
      workerWith({}, { activeJobs: 2n }),
      ["wait for jobs", "withdraw", "deregister", "sweep"],
    ],
    [
      "an open session does not hold the stake once no job is active",
      gone,
      workerWith({ sessions: [session(1, "open")] }),
      ["deregister", "sweep"],
    ],
    ["a worker without stake in the registry sweeps its balance", gone, left(), ["sweep"]],
    ["and withdraws before", gone, left({ earnings: lcai("1") }), ["withdraw", "sweep"]],
    ["a balance below the cost of moving it is left", gone, left({ balance: gasCost(gasBound("sweep"), gwei) }), []],
    ["one wei more is swept", gone, left({ balance: wei(gasCost(gasBound("sweep"), gwei) + 1n) }), ["sweep"]],
    [
      "a job that may still pay is waited for after leaving",
      gone,
      left({ jobs: [job(1, { state: "Disputed" })] }),
      ["wait for jobs", "withdraw", "sweep"],
    ],
    ["one that cannot is not", gone, left({ jobs: [job(1, { state: "Acknowledged" })] }), ["sweep"]],
    [
      "a paused WorkerRegistry is waited for after what can be done",
      gone,
      workerWith({ earnings: lcai("1"), rules: paused("workers") }),
      ["withdraw", "wait for pause", "deregister", "sweep"],
    ],
    [
      "a paused JobRegistry does not keep the stake",
      gone,
      workerWith({ earnings: lcai("1"), rules: paused("jobs") }),
      ["deregister", "wait for pause", "withdraw", "sweep"],
    ],
    [
      "but it keeps the release, and so the stake",
      gone,
      workerWith({ jobs: [completed(1, -1)], rules: paused("jobs") }),
      ["wait for pause", "release", "wait for pause", "withdraw", "deregister", "sweep"],
    ],
    [
      "without gas it waits for some",
      gone,
      workerWith({ balance: wei(1_000n) }),
      ["wait for funds", "deregister", "sweep"],
    ],
    [
      "a suspended worker may leave",
      gone,
      workerWith({}, { suspendedUntil: hours(100), offences: 3n }),
      ["deregister", "sweep"],
    ],
    [
      "so may one with too little stake, or with another key",
      gone,
      workerWith({}, { stake: lcai("1"), encryptionKey: "0x04" }),
      ["deregister", "sweep"],
    ],
  ];
  test.each(situations)("%s", (_, desired, observed, expected) =>
    expect(inWords(plan(desired, observed))).toEqual(expected),
  );
});

describe("what is under way", () => {
  const hanging = (detail: string | undefined, kind: "register" | "sweep" | "acknowledge" | "deregister") =>
    sentTx(kind, detail, { outcome: "open", mined: null, nonce: 5 });
  const mempool = { nonce: { latest: 5, pending: 6 } };

  const situations: Situation[] = [
    [
      "a step in the mempool is gone on with",
      gone,
      workerWith({ ...mempool, sent: [hanging("1", "deregister")] }),
      ["deregister", "sweep"],
    ],
    [
      "another one is waited for",
      gone,
      workerWith({ ...mempool, sent: [hanging(undefined, "register")] }, null),
      ["wait for a transaction", "sweep"],
    ],
    [
      "even when nothing is to be done",
      serving,
      workerWith({ ...mempool, sent: [hanging("1", "sweep")] }),
      ["wait for a transaction"],
    ],
    [
      "the sidecar's daily work is not waited for",
      gone,
      workerWith({ ...mempool, sent: [hanging("17", "acknowledge")] }),
      ["deregister", "sweep"],
    ],
    [
      "what the node does not have any more is not waited for",
      gone,
      workerWith({ sent: [hanging(undefined, "register")] }, null),
      ["sweep"],
    ],
    [
      "transactions of nobody known are waited for",
      gone,
      workerWith(mempool),
      ["wait for mempool", "deregister", "sweep"],
    ],
    [
      "but replaced when whoever sent them is gone",
      gone,
      workerWith({ ...mempool, server: "gone" }),
      ["deregister", "sweep"],
    ],
    ["and of no interest when there is nothing to do", serving, workerWith(mempool), []],
    [
      "a node that has not seen our last transaction is waited for",
      gone,
      workerWith({ sent: [sentTx("topUp", "1", { mined: { block: 1_001n, fee: wei(1n) } })] }),
      ["wait for a transaction"],
    ],
  ];
  test.each(situations)("%s", (_, desired, observed, expected) =>
    expect(inWords(plan(desired, observed))).toEqual(expected),
  );
});

describe("a step", () => {
  const stepsOf = (desired: Desired, observed: Observed) =>
    plan(desired, observed).steps.filter((one) => "purpose" in one);

  test("to register carries the stake and the key, to the registry", () => {
    const [register, addModel] = stepsOf(serving, nobody(funded));
    expect(register).toMatchObject({ to: contracts.workerRegistry, value: lcai("5000") });
    expect(decodeFunctionData({ abi: workerRegistryAbi, data: register!.data })).toEqual({
      functionName: "registerWorker",
      args: [encryptionKey],
    });
    expect(addModel).toMatchObject({ to: contracts.workerRegistry, value: 0n });
    expect(decodeFunctionData({ abi: workerRegistryAbi, data: addModel!.data }).args).toEqual([llama]);
  });

  test("to release names at most 50 jobs, all of them in the end", () => {
    const jobs = Array.from({ length: 120 }, (_, index) => completed(index + 1, -1));
    const releases = stepsOf(gone, workerWith({ jobs })).filter((one) => one.do === "release");
    const ids = releases.map((one) => decodeFunctionData({ abi: jobRegistryAbi, data: one.data }).args[0] as bigint[]);
    expect(ids.map((batch) => batch.length)).toEqual([50, 50, 20]);
    expect(ids.flat()).toEqual(jobs.map(({ id }) => id));
    expect(new Set(releases.map((one) => one.purpose)).size).toBe(3);
  });

  test("to sweep goes to refundTo with everything but its gas", () => {
    const [sweep] = stepsOf(gone, workerWith({ balance: lcai("3") }, null));
    expect(sweep).toMatchObject({ do: "sweep", to: refundTo, data: "0x" });
    expect(sweep!.value).toBe(lcai("3") - gasCost(gasBound("sweep"), gwei));
  });

  test("says what it does, for a person", () => {
    expect(stepsOf(serving, nobody(funded))[0]!.summary).toBe(`register worker ${worker} with a stake of 5000 LCAI`);
    expect(stepsOf(gone, workerWith())[0]!.summary).toContain("its stake of 5000 LCAI comes back");
  });

  test("keeps its purpose until it is mined, and then has another", () => {
    const wanted = { ...serving, models: [gemma] };
    const purposes = (sent: Observed["sent"]) =>
      stepsOf(wanted, workerWith({ sent }, { models: [llama, gemma] })).map((one) => one.purpose);
    const once = purposes([]);
    expect(once).toEqual([`8200/${worker.toLowerCase()}/removeModel/g1/${llama}/1`]);
    expect(purposes([sentTx("removeModel", `${llama}/1`, { outcome: "reverted" })])).toEqual(once);
    expect(purposes([sentTx("removeModel", `${llama}/1`)])).toEqual([
      `8200/${worker.toLowerCase()}/removeModel/g1/${llama}/2`,
    ]);
  });
});

describe("the money", () => {
  test("of a worker to be: the stake, and what is missing for stake and reserve", () => {
    const { money } = plan(serving, nobody({ balance: lcai("3") }));
    expect(money).toMatchObject({
      toStake: lcai("5000"),
      shortfall: lcai("5007"),
      returns: lcai("5010"),
      earliestExit: null,
    });
    expect(money.gas).toBe(gasCost(gasBound("register") + gasBound("addModel") + gasBound("setCapabilities"), gwei));
  });

  test("a reserve that would not even pay the way in and out again is raised to that", () => {
    const { money } = plan({ ...serving, gasReserve: wei(0n) }, nobody());
    expect(money.shortfall).toBeGreaterThan(lcai("5000") + money.gas);
  });

  test("with exactly the shortfall sent, nothing is missing any more", () => {
    for (const gasReserve of [wei(0n), lcai("10")]) {
      const desired = { ...serving, gasReserve };
      const { money } = plan(desired, nobody());
      const then = plan(desired, nobody({ balance: money.shortfall }));
      expect([then.money.shortfall, inWords(then)]).toEqual([0n, ["register", "addModel", "setCapabilities"]]);
    }
  });

  test("a small dent in the reserve is no shortfall; half of it is", () => {
    expect(plan(serving, workerWith({ balance: lcai("6") })).money.shortfall).toBe(0n);
    expect(plan(serving, workerWith({ balance: lcai("4") })).money.shortfall).toBe(lcai("6"));
  });

  test("after an offence no stake is asked of the treasury", () => {
    const { money } = plan(serving, workerWith({}, { stake: lcai("4900"), offences: 1n }));
    expect(money).toMatchObject({ toStake: 0n, shortfall: 0n });
  });

  test("of one that leaves: everything that comes back, and when at the earliest", () => {
    const observed = workerWith({ jobs: [completed(1, 3), completed(2, 5)], earnings: lcai("0.4") });
    expect(plan(gone, observed).money).toMatchObject({ returns: lcai("5010.4"), earliestExit: hours(5), toStake: 0n });
    expect(plan(gone, workerWith()).money.earliestExit).toBe(now);
    expect(plan(gone, workerWith({ jobs: [job(1, { state: "Acknowledged" })] })).money.earliestExit).toBe(hours(24));
    expect(plan(gone, workerWith({ jobs: [job(1, { state: "Disputed" })] })).money.earliestExit).toBeNull();
  });

  test("of one that cannot pay its way out: the gas until the stake is back", () => {
    const { money } = plan(gone, workerWith({ balance: wei(1_000n), jobs: [completed(1, -1)] }));
    const gas = gasBound("release", { jobs: 1 }) + gasBound("withdraw") + gasBound("deregister", { models: 1 });
    expect(money.shortfall).toBe(gasCost(gas, gwei) - 1_000n);
  });
});

describe("a worker is quiet", () => {
  test.each<[string, Observed, boolean]>([
    ["without sessions", workerWith(), true],
    ["when every session is dead", workerWith({ sessions: [session(1, "dead"), session(2, "dead")] }), true],
    ["not while one is open", workerWith({ sessions: [session(1, "dead"), session(2, "open")] }), false],
    ["not while a job is being answered", workerWith({ jobs: [job(1, { state: "Acknowledged" })] }), false],
    ["while dispute windows run", workerWith({ jobs: [completed(1, 3)], sessions: [session(1, "dead")] }), true],
    ["once it has no stake to lose", workerWith({ sessions: [session(1, "open")] }, null), true],
  ])("%s", (_, observed, expected) => {
    expect(plan(gone, observed).quiet).toBe(expected);
    expect(plan(serving, observed).quiet).toBe(expected);
  });
});

function paused(part: "workers" | "jobs"): Observed["rules"] {
  const { rules } = nobody();
  return { ...rules, paused: { ...rules.paused, [part]: true } };
}
function minimum(amount: string): Observed["rules"] {
  return { ...nobody().rules, minimumStake: lcai(amount) };
}
/** The rules with a change to what llama's standing is. */
function model(different: { whitelisted?: boolean; enabled?: boolean }): Observed["rules"] {
  const { rules } = nobody();
  return { ...rules, models: rules.models.map((one) => (one.id === llama ? { ...one, ...different } : one)) };
}
