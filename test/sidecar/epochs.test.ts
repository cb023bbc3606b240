import { describe, expect, test } from "vitest";
import { createSimulation, serving, type Run, type Simulation } from "../simulation/simulation.js";

const minute = 60_000;
const live = async (sim: Simulation, run: Run) => {
  await sim.clock.runUntil(() => run.sidecar.status().block !== null, minute, "started");
  run.sidecar.handle({ op: "live", serving: serving() });
  await sim.clock.runUntil(() => run.sidecar.status().mode === "live", 2 * minute, "live");
};

describe("a journal that is older than the chain", () => {
  test("stands by with a coded reason, and sends nothing", async () => {
    const sim = createSimulation();
    sim.world.nonce = 7;
    const run = sim.boot();
    await sim.clock.runUntil(() => run.sidecar.status().block !== null, minute, "started");
    run.sidecar.handle({ op: "live", serving: serving() });
    await sim.clock.run(2 * minute);
    expect(run.sidecar.status()).toMatchObject({ mode: "standby", claiming: false, trouble: { code: "LF1412" } });
    expect(sim.world.mined).toEqual([]);
    expect(run.alarms).toEqual(["LF1412"]);
  });

  test("may speak for the key again under a new epoch, and after a restart too", async () => {
    const sim = createSimulation();
    sim.world.nonce = 7;
    const run = sim.boot({ epoch: 2 });
    await live(sim, run);
    run.gate.die();
    const again = sim.boot({ epoch: 2 });
    await sim.clock.runUntil(() => again.sidecar.status().mode === "live", minute, "live again");
  });

  test("a secret of an older epoch is refused for good", async () => {
    const sim = createSimulation();
    await live(sim, sim.boot({ epoch: 3 }));
    await expect(sim.boot({ epoch: 2 }).started).rejects.toMatchObject({ code: "LF1456", exit: 78 });
  });
});

test("another holder that turns up while it serves ends the process, to be started again into standby", async () => {
  const sim = createSimulation();
  const run = sim.boot();
  await live(sim, run);
  let end: unknown;
  void run.sidecar.ended.then((how) => (end = how));
  sim.world.nonce += 2;
  await sim.clock.run(30_000);
  expect(end).toMatchObject({ exit: 75, because: { code: "LF1412" } });
});

test("a job that was acknowledged outside this journal is never run: its answer may have been signed", async () => {
  const sim = createSimulation();
  const run = sim.boot();
  await live(sim, run);
  const request = sim.world.requestSession();
  await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "a session");
  const job = sim.world.submitJob(sim.world.sessionOf(request)!, "whose?");
  sim.world.jobs.get(job)!.state = "Acknowledged";
  const asked = sim.behaviour.asked.length;
  await sim.clock.run(20_000);
  expect(sim.journal.job(job)).toMatchObject({
    state: "forfeited",
    cause: expect.stringContaining("LF1474") as string,
  });
  expect(sim.behaviour.asked).toHaveLength(asked);
  expect(sim.signed).toEqual([]);
  expect(run.sidecar.status().trouble?.code).toBe("LF1474");
});

describe("when the answer to a job is signed", () => {
  /** The first delivery of a job's answer; its worker dies when the journal first says `dies`, and lives on at once. */
  const firstDelivery = async (dies: "acked" | "answered" | "signed" | null): Promise<string> => {
    const sim = createSimulation();
    const run = sim.boot({ dieAt: (name) => name.endsWith(`.advance.${dies}: after`) });
    await live(sim, run);
    const request = sim.world.requestSession();
    await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "a session");
    const job = sim.world.submitJob(sim.world.sessionOf(request)!, "whose?");
    if (dies !== null) {
      await sim.clock.runUntil(() => run.gate.dead, minute, `it dies when ${dies}`);
      expect(sim.journal.job(job)?.state).toBe(dies);
      sim.boot();
    }
    await sim.clock.runUntil(() => sim.gateway.completes.length > 0, 2 * minute, "a delivery");
    return sim.world.jobs.get(job)!.state;
  };

  test.each<[situation: string, dies: Parameters<typeof firstDelivery>[0], then: string]>([
    ["usually: at once, for the consumer waits", null, "Acknowledged"],
    [
      "after a restart before there was an answer: when the chain holds it, for a copy may have another",
      "acked",
      "Completed",
    ],
    ["after a restart with an answer that was not signed: the same", "answered", "Completed"],
    ["after a restart with a signature: at once, for every copy has the same", "signed", "Acknowledged"],
  ])("%s", async (_, dies, then) => expect(await firstDelivery(dies)).toBe(then));
});

test("a job whose acknowledgement was mined from a copy's bytes is never run", async () => {
  const sim = createSimulation();
  const run = sim.boot();
  await live(sim, run);
  const request = sim.world.requestSession();
  await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "a session");
  const job = sim.world.submitJob(sim.world.sessionOf(request)!, "whose?");
  await sim.clock.runUntil(() => sim.journal.job(job)?.state === "acking", minute, "acking");
  run.gate.die();
  for (const { hash, purpose } of sim.journal.openTransactions())
    if (purpose.includes("/acknowledge/")) sim.journal.settle(hash, "dead", null);
  sim.world.jobs.get(job)!.state = "Acknowledged";
  sim.boot();
  await sim.clock.runUntil(() => sim.journal.job(job)?.state === "forfeited", minute, "forfeited");
  expect(sim.journal.job(job)?.cause).toContain("LF1474");
  expect(sim.signed).toEqual([]);
});

test("a registration with another key than the one sealed refuses the start for good", async () => {
  const sim = createSimulation();
  sim.world.registration = {
    stake: 1n,
    key: `0x04${"22".repeat(64)}`,
    models: new Set(),
    capabilities: 0n,
    offences: 0n,
  };
  await expect(sim.boot().started).rejects.toMatchObject({ code: "LF1455", exit: 78 });
});
