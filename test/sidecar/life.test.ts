import { describe, expect, test } from "vitest";
import { open } from "../../protocol/envelope.js";
import { ciphertextHash } from "../../protocol/signature.js";
import { createSimulation, serving, type Run, type Simulation } from "../simulation/simulation.js";
import { violations } from "../simulation/invariants.js";
import { lcai, nobody, rules, worker } from "../simulation/world.js";

const minute = 60_000;

async function liveSimulation(): Promise<{ sim: Simulation; run: Run }> {
  const sim = createSimulation();
  const run = sim.boot();
  await sim.clock.runUntil(() => run.sidecar.status().block !== null, minute, "started");
  run.sidecar.handle({ op: "live", serving: serving() });
  await sim.clock.runUntil(() => run.sidecar.status().mode === "live", 2 * minute, "live");
  return { sim, run };
}
async function withSession(sim: Simulation) {
  const request = sim.world.requestSession();
  await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "a session");
  return sim.world.sessionOf(request)!;
}
const stateOf = (sim: Simulation, job: Parameters<Simulation["world"]["jobs"]["get"]>[0]) =>
  sim.world.jobs.get(job)!.state;

describe("a worker's life", () => {
  test("stands by until it is told to go live: no login, no claim, no transaction", async () => {
    const sim = createSimulation();
    const run = sim.boot();
    sim.world.requestSession();
    await sim.clock.run(2 * minute);
    expect(run.sidecar.status()).toMatchObject({ mode: "standby", registered: false, trouble: null, claiming: false });
    expect(sim.world.mined).toEqual([]);
    expect(sim.gateway.beats).toEqual([]);
  });

  test("told to go live, it rehearses, registers with exactly the minimum stake, adds its model and serves", async () => {
    const { sim, run } = await liveSimulation();
    expect(sim.world.registration?.stake).toBe(rules.stake);
    expect(run.sidecar.status()).toMatchObject({ claiming: true, rehearsed: true, blockers: [], trouble: null });
    expect(sim.world.mined.map(({ call }) => call.purpose.split("/")[2])).toEqual(["answer", "register", "addModel"]);
    expect(sim.behaviour.asked[0]!.length).toBeGreaterThan(100_000);
  });

  test("claims a session, answers its job with exactly one ciphertext, and completes it", async () => {
    const { sim } = await liveSimulation();
    const session = await withSession(sim);
    const job = sim.world.submitJob(session, "What is 2+2?");
    await sim.clock.runUntil(() => stateOf(sim, job) === "Completed", minute, "completed");
    await sim.clock.run(5_000);
    expect(sim.signed).toHaveLength(1);
    const [complete, ...more] = sim.gateway.completes;
    expect(more).toEqual([]);
    expect(Buffer.from(open(sim.world.key(session), complete!.payload)).toString()).toBe("You asked: What is 2+2?");
    expect(sim.world.jobs.get(job)!.responseCiphertextHash).toBe(ciphertextHash(complete!.payload));
    expect(sim.world.blobs.get(sim.world.jobs.get(job)!.responseBlobHash!)?.payload).toEqual(complete!.payload);
  });

  test("streams the first delta at once and the sequence leads to the end", async () => {
    const { sim } = await liveSimulation();
    const session = await withSession(sim);
    const job = sim.world.submitJob(session, "Hello");
    await sim.clock.runUntil(() => sim.gateway.completes.length > 0, minute, "delivered");
    const frames = sim.gateway.frames.filter((frame) => frame.job === job);
    const texts = frames.map(({ kind, payload }) => [
      kind,
      Buffer.from(open(sim.world.key(session), payload)).toString(),
    ]);
    expect(texts[0]).toEqual(["text", "You "]);
    expect(texts.at(-1)![0]).toBe("stats");
    expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, at) => at + 1));
    expect(sim.gateway.completes[0]).toMatchObject({ seq: frames.length + 1, totalChunks: frames.length + 1 });
  });

  test("gives the model the session's earlier turns", async () => {
    const { sim } = await liveSimulation();
    const session = await withSession(sim);
    const first = sim.world.submitJob(session, "My name is Ada.");
    await sim.clock.runUntil(() => stateOf(sim, first) === "Completed", minute, "completed");
    const second = sim.world.submitJob(session, "What is my name?");
    await sim.clock.runUntil(() => stateOf(sim, second) === "Completed", minute, "completed");
    expect(sim.behaviour.histories.at(-1)).toEqual(["user: My name is Ada.", "assistant: You asked: My name is Ada."]);
  });

  test("releases a completed job once its dispute window has passed", async () => {
    const { sim } = await liveSimulation();
    const job = sim.world.submitJob(await withSession(sim), "Hello");
    await sim.clock.runUntil(() => stateOf(sim, job) === "Completed", minute, "completed");
    await sim.clock.runUntil(() => stateOf(sim, job) === "Released", 10 * minute, "released");
    await sim.clock.run(minute);
    expect(sim.world.earnings).toBe((rules.fee * 8n) / 10n);
    expect(sim.journal.job(job)?.state).toBe("released");
  });

  test("told to leave, it claims no more, serves the open session meanwhile, and goes with everything", async () => {
    const { sim, run } = await liveSimulation();
    const session = await withSession(sim);
    run.sidecar.handle({ op: "leave", generation: 1 });
    const refused = sim.world.requestSession();
    const job = sim.world.submitJob(session, "still there?");
    await sim.clock.runUntil(() => stateOf(sim, job) === "Completed", minute, "completed while leaving");
    expect(run.sidecar.status()).toMatchObject({ mode: "leaving", claiming: false });
    await sim.clock.runUntil(() => run.sidecar.status().mode === "gone", 20 * minute, "gone");
    expect(sim.world.requests.get(refused)?.worker).toBeNull();
    expect(sim.world.registration).toBeNull();
    expect(sim.world.balance).toBeLessThan(lcai / 1_000n);
    expect(sim.world.refunded).toBeGreaterThan(199n * lcai);
    expect(sim.world.earnings).toBe(0n);
    expect(run.sidecar.status().leftGeneration).toBe(1);
  });

  test("a pause that releases have met hides nothing of what becomes of a job meanwhile", async () => {
    const { sim, run } = await liveSimulation();
    const job = sim.world.submitJob(await withSession(sim), "paid when?");
    await sim.clock.runUntil(() => sim.journal.job(job)?.state === "completed", minute, "completed");
    sim.world.jobsPaused = true;
    await sim.clock.run(minute);
    sim.world.jobsPaused = false;
    run.sidecar.handle({ op: "leave", generation: 1 });
    await sim.clock.runUntil(() => sim.journal.job(job)?.state === "released", 20 * minute, "released");
  });

  test("started again after it has gone, it stays gone; only a higher generation registers again", async () => {
    const { sim, run } = await liveSimulation();
    run.sidecar.handle({ op: "leave", generation: 1 });
    await sim.clock.runUntil(() => run.sidecar.status().mode === "gone", 20 * minute, "gone");
    run.gate.die();
    const again = sim.boot();
    await sim.clock.run(minute);
    expect(again.sidecar.status().mode).toBe("gone");
    expect(() => again.sidecar.handle({ op: "live", serving: serving(1) })).toThrow(/LF1423/);
    sim.world.balance = 200n * lcai;
    again.sidecar.handle({ op: "live", serving: serving(2) });
    await sim.clock.runUntil(() => again.sidecar.status().mode === "live", 2 * minute, "live again");
  });
});

describe("stopping claims", () => {
  test("drains: what runs is finished, what is new is left for the next start", async () => {
    const { sim, run } = await liveSimulation();
    const session = await withSession(sim);
    const running = sim.world.submitJob(session, "first");
    await sim.clock.runUntil(() => sim.journal.job(running) !== undefined, minute, "seen");
    let drained = false;
    void run.sidecar.drain(60_000).then(() => (drained = true));
    const later = sim.world.submitJob(session, "second");
    sim.world.requestSession();
    await sim.clock.runUntil(() => drained, 2 * minute, "drained");
    expect(stateOf(sim, running)).toBe("Completed");
    expect(stateOf(sim, later)).toBe("Submitted");
    expect(run.sidecar.status().mode).toBe("draining");
    await run.sidecar.stop();
    run.gate.die();
    sim.boot();
    await sim.clock.runUntil(() => stateOf(sim, later) === "Completed", minute, "served by the next start");
  });

  test("an offence on chain stops claims and raises an alarm, until the operator resumes", async () => {
    const { sim, run } = await liveSimulation();
    sim.world.registration!.offences = 1n;
    await sim.clock.run(20_000);
    expect(run.alarms).toEqual(["LF1461"]);
    const request = sim.world.requestSession();
    await sim.clock.run(minute);
    expect(sim.world.requests.get(request)?.worker).toBeNull();
    expect(run.sidecar.status()).toMatchObject({ claiming: false, trouble: { code: "LF1461" } });
    run.sidecar.handle({ op: "resume" });
    await sim.clock.runUntil(() => sim.world.requests.get(request)?.worker != null, minute, "claimed after resume");
  });

  test("forgets a request that somebody else was given", async () => {
    const { sim, run } = await liveSimulation();
    sim.world.rivals = true;
    sim.world.requestSession();
    await sim.clock.run(minute);
    expect(run.sidecar.status()).toMatchObject({ mode: "live", trouble: null });
    expect(sim.journal.claims("claiming")).toEqual([]);
  });
});

test("a time to complete that leaves none for a model stops claims, and an open session's job is not acknowledged", async () => {
  const { sim, run } = await liveSimulation();
  const session = await withSession(sim);
  const usual = rules.completionTimeout;
  try {
    rules.completionTimeout = 30n;
    await sim.clock.runUntil(() => !run.sidecar.status().claiming, minute, "claims stopped");
    expect(run.sidecar.status()).toMatchObject({ mode: "live", trouble: { code: "LF1462" } });
    const job = sim.world.submitJob(session, "Quick, please.");
    await sim.clock.runUntil(() => sim.journal.job(job)?.state === "forfeited", minute, "given up");
    expect(sim.journal.job(job)!.cause).toContain("LF1472");
    expect(stateOf(sim, job)).toBe("Submitted");
  } finally {
    rules.completionTimeout = usual;
  }
  await sim.clock.runUntil(() => run.sidecar.status().claiming, minute, "claims again");
  const next = sim.world.submitJob(session, "Take your time.");
  await sim.clock.runUntil(() => stateOf(sim, next) === "Completed", minute, "completed");
});

describe("when the model server is down", () => {
  test("nothing is acknowledged, nothing claimed, and the job is forfeited where a person sees it", async () => {
    const { sim, run } = await liveSimulation();
    const session = await withSession(sim);
    sim.behaviour.up = false;
    await sim.clock.run(15_000);
    expect(run.sidecar.status()).toMatchObject({ mode: "live", claiming: false });
    const request = sim.world.requestSession();
    const job = sim.world.submitJob(session, "anyone?");
    await sim.clock.run(2 * minute);
    expect(stateOf(sim, job)).toBe("TimedOut");
    expect(sim.world.jobs.get(job)!.ackTimestamp).toBeNull();
    expect(sim.world.requests.get(request)?.worker).toBeNull();
    expect(sim.journal.job(job)).toMatchObject({
      state: "forfeited",
      cause: expect.stringContaining("LF1473") as string,
    });
    expect(await run.metrics.registry.metrics()).toMatch(
      /worker_jobs_total\{outcome="error",reason="ollama_unreachable"/,
    );
  });

  test("a job that is already acknowledged is answered when it comes back in time", async () => {
    const { sim } = await liveSimulation();
    const session = await withSession(sim);
    sim.behaviour.failures = 1;
    const job = sim.world.submitJob(session, "hold on");
    await sim.clock.runUntil(
      () => stateOf(sim, job) === "Completed",
      2 * minute,
      "completed after a failed generation",
    );
    expect(sim.signed).toHaveLength(1);
  });
});

test("a node that cannot be reached for a while costs nothing but time", async () => {
  const { sim } = await liveSimulation();
  const session = await withSession(sim);
  const job = sim.world.submitJob(session, "patience");
  await sim.clock.runUntil(() => sim.journal.job(job) !== undefined, minute, "seen");
  sim.world.reachable = false;
  await sim.clock.run(20_000);
  sim.world.reachable = true;
  await sim.clock.runUntil(() => stateOf(sim, job) === "Completed", 2 * minute, "completed");
});

test("an answer that was not delivered when the process died is delivered by the next one, the same bytes", async () => {
  const { sim, run } = await liveSimulation();
  const session = await withSession(sim);
  sim.gateway.down = true;
  const job = sim.world.submitJob(session, "deliver me");
  await sim.clock.runUntil(() => stateOf(sim, job) === "Completed", minute, "completed");
  await sim.clock.run(5_000);
  expect(sim.gateway.completes).toEqual([]);
  run.gate.die();
  sim.gateway.down = false;
  sim.boot();
  await sim.clock.runUntil(() => sim.gateway.completes.length > 0, minute, "delivered");
  expect(ciphertextHash(sim.gateway.completes[0]!.payload)).toBe(sim.world.jobs.get(job)!.responseCiphertextHash);
  expect(sim.signed).toHaveLength(1);
});

test("a job whose session went to another worker is let go of, unacknowledged", async () => {
  const { sim } = await liveSimulation();
  const session = await withSession(sim);
  sim.world.sessions.get(session)!.worker = nobody;
  const job = sim.world.submitJob(session, "not yours");
  sim.world.jobs.get(job)!.worker = worker;
  await sim.clock.run(20_000);
  expect(sim.journal.job(job)).toMatchObject({ state: "lost", cause: expect.stringContaining("LF1470") as string });
  expect(sim.world.jobs.get(job)!.ackTimestamp).toBeNull();
});

test("a job whose prompt never turns up is acknowledged before its window closes, and served when it does", async () => {
  const { sim } = await liveSimulation();
  const session = await withSession(sim);
  const job = sim.world.submitJob(session, "late");
  const { promptBlobHash } = sim.world.jobs.get(job)!;
  const blob = sim.world.blobs.get(promptBlobHash!)!;
  sim.world.blobs.delete(promptBlobHash!);
  await sim.clock.runUntil(() => stateOf(sim, job) === "Acknowledged", minute, "acknowledged in time");
  sim.world.blobs.set(promptBlobHash!, blob);
  await sim.clock.runUntil(() => stateOf(sim, job) === "Completed", minute, "completed");
});

test("a model that is too slow is cut off before the reserve, and nothing is signed", async () => {
  const { sim, run } = await liveSimulation();
  const session = await withSession(sim);
  sim.behaviour.deltaMs = 60_000;
  const job = sim.world.submitJob(session, "take your time");
  await sim.clock.run(4 * minute);
  expect(sim.journal.job(job)).toMatchObject({
    state: "forfeited",
    cause: expect.stringContaining("LF1472") as string,
  });
  expect(sim.signed).toEqual([]);
  expect(run.sidecar.status().trouble?.code).toBe("LF1461"); // the chain counts it, so claims have stopped
});

test("an answer that no blob can hold is given up before it is signed", async () => {
  const { sim } = await liveSimulation();
  const session = await withSession(sim);
  sim.behaviour.answer = () => ["x".repeat(130_000)];
  const job = sim.world.submitJob(session, "go on for ever");
  await sim.clock.runUntil(() => sim.journal.job(job)?.state === "forfeited", minute, "forfeited");
  expect(sim.journal.job(job)?.cause).toContain("LF1475");
  expect(sim.signed).toEqual([]);
  expect(sim.gateway.completes).toEqual([]);
});

test("a prompt that must be refused is not acknowledged", async () => {
  const { sim } = await liveSimulation();
  const session = await withSession(sim);
  const job = sim.world.submitJob(session, '{"v":3,"text":"","messages":[{"role":"assistant","content":"hm"}]}');
  await sim.clock.run(20_000);
  expect(sim.journal.job(job)).toMatchObject({
    state: "forfeited",
    cause: expect.stringContaining("LF1471") as string,
  });
  expect(sim.world.jobs.get(job)!.ackTimestamp).toBeNull();
});

test("two jobs at once are both answered, each with its own answer", async () => {
  const { sim } = await liveSimulation();
  const session = await withSession(sim);
  const jobs = ["one", "two", "three", "four"].map((prompt) => sim.world.submitJob(session, prompt));
  await sim.clock.runUntil(() => jobs.every((job) => stateOf(sim, job) === "Completed"), 2 * minute, "completed");
  await sim.clock.run(5_000);
  expect(new Set(sim.signed).size).toBe(4);
  expect(violations(sim)).toEqual([]);
});

describe("a disk that is full", () => {
  test("stops the claims and is said, and everything goes on when there is room", async () => {
    const { sim, run } = await liveSimulation();
    sim.disk.full = true;
    await sim.clock.run(10_000);
    expect(run.sidecar.status()).toMatchObject({ mode: "live", claiming: false, trouble: { code: "LF1404" } });
    expect(run.alarms).toEqual(["LF1404"]);
    const request = sim.world.requestSession();
    await sim.clock.run(20_000);
    expect(sim.world.sessionOf(request)).toBeUndefined();
    sim.disk.full = false;
    await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "a session");
    expect(run.sidecar.status()).toMatchObject({ claiming: true, trouble: null });
  });

  test("in the middle of a job costs no second answer, and the job when its end could not be written down is ended later", async () => {
    const { sim, run } = await liveSimulation();
    const session = await withSession(sim);
    const job = sim.world.submitJob(session, "What is 2+2?");
    await sim.clock.runUntil(() => stateOf(sim, job) === "Acknowledged", minute, "acknowledged");
    sim.disk.full = true;
    await sim.clock.run(10 * minute); // its deadline passes
    expect(sim.journal.openJobs()).toHaveLength(1);
    sim.disk.full = false;
    await sim.clock.runUntil(() => sim.journal.openJobs().length === 0, minute, "its end is written down");
    expect(sim.signed.length).toBeLessThanOrEqual(1);
    expect(run.sidecar.status().jobs.filter(({ id }) => id === job)).toEqual([]);
    expect(violations(sim)).toEqual([]);
  });
});
