import { describe, expect, test } from "vitest";
import { open } from "../../protocol/envelope.js";
import { ciphertextHash } from "../../protocol/signature.js";
import { jobId, type JobId, type SessionId } from "../../schema/units.js";
import { violations } from "../simulation/invariants.js";
import { createSimulation, serving, type Run, type Simulation } from "../simulation/simulation.js";
import { nobody, worker } from "../simulation/world.js";

const minute = 60_000;

async function liveSimulation(selection: "sortition" | "dispatcher" = "dispatcher") {
  const sim = createSimulation();
  sim.world.selection = selection;
  const run = sim.boot();
  await sim.clock.runUntil(() => run.sidecar.status().block !== null, minute, "started");
  run.sidecar.handle({ op: "live", serving: serving() });
  await sim.clock.runUntil(() => run.sidecar.status().mode === "live", 2 * minute, "live");
  return { sim, run };
}
const stateOf = (sim: Simulation, job: JobId) => sim.world.jobs.get(job)!.state;
const completed = (sim: Simulation, job: JobId) =>
  sim.clock.runUntil(() => sim.journal.job(job)?.state === "completed", 2 * minute, "completed");
const doneOf = (sim: Simulation, job: JobId) =>
  sim.dispatcher.said.flatMap((word) => ("done" in word && word.done === job ? [word.error] : []));
const acksOf = (sim: Simulation, job: JobId) =>
  sim.dispatcher.said.filter((word) => "ack" in word && word.ack === job).length;
const switchTo = async (sim: Simulation, run: Run, selection: "sortition" | "dispatcher") => {
  sim.world.selection = selection;
  await sim.clock.runUntil(() => run.sidecar.status().selection === selection, minute, `knows of ${selection}`);
};

describe("a worker in dispatcher mode", () => {
  test("is live once its job stream is connected, says how many jobs it takes, and claims nothing", async () => {
    const { sim, run } = await liveSimulation();
    expect(run.sidecar.status()).toMatchObject({
      claiming: false,
      selection: "dispatcher",
      gateway: { connected: true },
      next: "nothing: its sessions come from the dispatcher",
    });
    expect(sim.dispatcher.said).toEqual([{ ready: 2 }]);
    const request = sim.world.requestSession();
    await sim.clock.run(minute);
    expect(sim.world.requests.get(request)?.worker).toBeNull();
    sim.dispatcher.cut();
    expect(run.sidecar.status().mode).toBe("joining");
    await sim.clock.runUntil(() => run.sidecar.status().mode === "live", minute, "live again");
  });

  test("begins with a pushed job before the next block, answers it without a stream, and says that it is done", async () => {
    const { sim } = await liveSimulation();
    const session = sim.world.dispatchSession();
    const head = sim.world.head.number;
    const job = sim.world.submitJob(session, "What is 2+2?");
    await sim.clock.runUntil(() => sim.journal.job(job) !== undefined, 1_000, "seen by the push");
    expect(sim.world.head.number).toBe(head);
    await completed(sim, job);
    await sim.clock.run(5_000);
    expect(sim.gateway.frames).toEqual([]);
    const [end, ...more] = sim.gateway.completes;
    expect(more).toEqual([]);
    expect(end).toMatchObject({ job, seq: 1, totalChunks: 1 });
    expect(sim.gateway.streaming).toEqual([false]);
    expect(Buffer.from(open(sim.world.key(session), end!.payload)).toString()).toBe("You asked: What is 2+2?");
    expect(sim.dispatcher.said.slice(1)).toEqual([{ ack: job }, { done: job, error: null }]);
  });

  test("finds a job that nobody pushed on the chain, and says nothing of it to the dispatcher", async () => {
    const { sim } = await liveSimulation();
    sim.dispatcher.silent = true;
    const job = sim.world.submitJob(sim.world.dispatchSession(), "quietly");
    await completed(sim, job);
    expect(sim.dispatcher.said).toEqual([{ ready: 2 }]);
  });

  test("does a job once that is pushed again and again while the chain tells of it, too", async () => {
    const { sim } = await liveSimulation();
    const session = sim.world.dispatchSession();
    const job = sim.world.submitJob(session, "again?");
    const offer = { job, session, worker, priorJobs: null };
    for (let round = 0; round < 30; round++) {
      await sim.clock.run(500);
      sim.dispatcher.offer(offer);
    }
    await completed(sim, job);
    sim.dispatcher.offer(offer);
    await sim.clock.run(5_000);
    expect(new Set(sim.signed).size).toBe(1);
    expect(sim.behaviour.asked.filter((prompt) => prompt === "again?")).toHaveLength(1);
    expect(violations(sim)).toEqual([]);
    expect(new Set(doneOf(sim, job))).toEqual(new Set([null]));
  });

  test("answers an offer of a job that it has forfeited with the reason, each time", async () => {
    const { sim } = await liveSimulation();
    const session = sim.world.dispatchSession();
    const job = sim.world.submitJob(session, '{"v":3,"text":"","messages":[{"role":"assistant","content":"hm"}]}');
    await sim.clock.run(minute);
    expect(sim.journal.job(job)?.state).toBe("forfeited");
    const reasons = doneOf(sim, job);
    expect(reasons).toHaveLength(5);
    expect(new Set(reasons)).toEqual(new Set(["LF1471: its prompt must be refused (last message is not the user's)"]));
    expect(sim.world.jobs.get(job)!.ackTimestamp).toBeNull();
  });

  test("after a lost connection it is offered its jobs again, and does none of them twice", async () => {
    const { sim } = await liveSimulation();
    const job = sim.world.submitJob(sim.world.dispatchSession(), "hold the line");
    await sim.clock.runUntil(() => acksOf(sim, job) === 1, minute, "acknowledged");
    sim.dispatcher.cut();
    await completed(sim, job);
    await sim.clock.runUntil(() => doneOf(sim, job).length > 0, minute, "told again");
    expect(acksOf(sim, job)).toBe(2);
    expect(new Set(sim.signed).size).toBe(1);
  });

  test("acknowledges no more offers than it has places, and serves the others too, because the chain names them", async () => {
    const { sim } = await liveSimulation();
    const session = sim.world.dispatchSession();
    sim.behaviour.deltaMs = 3_000;
    const jobs = ["one", "two", "three", "four"].map((prompt) => sim.world.submitJob(session, prompt));
    await sim.clock.run(500);
    expect(jobs.map((job) => acksOf(sim, job))).toEqual([1, 1, 0, 0]);
    await sim.clock.runUntil(() => jobs.every((job) => stateOf(sim, job) === "Completed"), 2 * minute, "completed");
    await sim.clock.run(20_000);
    expect(jobs.map((job) => doneOf(sim, job))).toEqual([[null], [null], [null], [null]]);
    expect(violations(sim)).toEqual([]);
  });

  test("takes the history from the chain, whatever the dispatcher says of it", async () => {
    const { sim } = await liveSimulation();
    const session = sim.world.dispatchSession();
    const first = sim.world.submitJob(session, "My name is Ada.");
    await completed(sim, first);
    sim.dispatcher.silent = true;
    const second = sim.world.submitJob(session, "What is my name?");
    sim.dispatcher.offer({ job: second, session, worker, priorJobs: [] });
    await completed(sim, second);
    expect(sim.behaviour.histories.at(-1)).toEqual(["user: My name is Ada.", "assistant: You asked: My name is Ada."]);
  });

  test.each<[what: string, offer: (sim: Simulation, session: SessionId) => { job: JobId; session: SessionId }, RegExp]>(
    [
      [
        "of another worker",
        (sim, session) => {
          const job = sim.world.submitJob(session, "for another");
          sim.world.jobs.get(job)!.worker = nobody.replace(/0$/, "1") as typeof worker;
          return { job, session };
        },
        /another worker/,
      ],
      [
        "of another session",
        (sim, session) => {
          const job = sim.world.submitJob(session, "elsewhere");
          sim.world.jobLogs.length = 0; // the chain does not tell of it here
          return { job, session: sim.world.dispatchSession() };
        },
        /another session/,
      ],
      ["that the chain never shows", (_, session) => ({ job: jobId(7n), session }), /not on the chain/],
      [
        "that was timed out before",
        (sim, session) => {
          const job = sim.world.submitJob(session, "too late");
          sim.world.jobLogs.length = 0;
          sim.world.jobs.get(job)!.state = "TimedOut";
          return { job, session };
        },
        /TimedOut/,
      ],
    ],
  )("gives an offer %s back with the reason, and touches nothing", async (_, make, reason) => {
    const { sim } = await liveSimulation();
    sim.dispatcher.silent = true;
    const made = make(sim, sim.world.dispatchSession());
    sim.dispatcher.offer({ ...made, worker, priorJobs: null });
    await sim.clock.run(minute);
    expect(doneOf(sim, made.job)).toEqual([expect.stringMatching(reason)]);
    expect(sim.journal.job(made.job)).toBeUndefined();
    expect(sim.signed).toEqual([]);
  });

  test("waits for its own node to see a job that the dispatcher knew first", async () => {
    const { sim } = await liveSimulation();
    sim.dispatcher.silent = true;
    const session = sim.world.dispatchSession();
    const job = sim.world.submitJob(session, "early");
    const hidden = sim.world.jobs.get(job)!;
    const logs = sim.world.jobLogs.splice(0);
    sim.world.jobs.delete(job);
    sim.dispatcher.offer({ job, session, worker, priorJobs: null });
    await sim.clock.run(10_000);
    expect(acksOf(sim, job)).toBe(1);
    expect(doneOf(sim, job)).toEqual([]);
    sim.world.jobs.set(job, hidden);
    await completed(sim, job);
    expect(logs).toHaveLength(1);
    expect(doneOf(sim, job)).toEqual([null]);
  });

  test("wants no new session while it could not answer one, and is drained no longer when it can", async () => {
    const { sim, run } = await liveSimulation();
    await sim.clock.run(minute);
    expect(sim.gateway.draining).toBe(false);
    sim.world.registration!.offences = 1n;
    await sim.clock.runUntil(() => sim.gateway.draining, minute, "drained after an offence");
    run.sidecar.handle({ op: "resume" });
    await sim.clock.runUntil(() => !sim.gateway.draining, minute, "taken back");
    sim.behaviour.up = false;
    await sim.clock.runUntil(() => sim.gateway.draining, minute, "drained without a model");
    sim.behaviour.up = true;
    await sim.clock.runUntil(() => !sim.gateway.draining, minute, "taken back again");
  });

  test("leaves as from any network: drained, open sessions served, everything swept", async () => {
    const { sim, run } = await liveSimulation();
    const session = sim.world.dispatchSession();
    run.sidecar.handle({ op: "leave", generation: 1 });
    const job = sim.world.submitJob(session, "still there?");
    await completed(sim, job);
    expect(sim.gateway.draining).toBe(true);
    expect(doneOf(sim, job)).toEqual([null]);
    await sim.clock.runUntil(() => run.sidecar.status().mode === "gone", 20 * minute, "gone");
    expect(sim.world.registration).toBeNull();
    expect(sim.dispatcher.connected).toBe(false);
  });

  test("a process that ends takes no offer, and the next one does the job", async () => {
    const { sim, run } = await liveSimulation();
    const session = sim.world.dispatchSession();
    void run.sidecar.drain(10_000);
    const job = sim.world.submitJob(session, "later");
    await sim.clock.run(9_000);
    expect(acksOf(sim, job)).toBe(0);
    await run.sidecar.stop();
    run.gate.die();
    sim.boot();
    await completed(sim, job);
    await sim.clock.run(5_000);
    expect(doneOf(sim, job)).toEqual([null]);
  });
});

describe("a network that changes its mode under a running worker", () => {
  test("to the dispatcher's: a job in the middle is answered, claims end, the job stream opens", async () => {
    const { sim, run } = await liveSimulation("sortition");
    const request = sim.world.requestSession();
    await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "a session");
    const session = sim.world.sessionOf(request)!;
    sim.behaviour.deltaMs = 8_000;
    const job = sim.world.submitJob(session, "in the middle");
    await sim.clock.runUntil(() => sim.gateway.frames.length > 0, minute, "streaming");
    await switchTo(sim, run, "dispatcher");
    expect(stateOf(sim, job)).toBe("Acknowledged");
    await completed(sim, job);
    await sim.clock.runUntil(() => sim.gateway.completes.length === 1, minute, "delivered");
    const { seq } = sim.gateway.completes[0]!;
    expect(seq).toBe(sim.gateway.frames.filter((frame) => frame.job === job).length + 1);
    expect(run.sidecar.status()).toMatchObject({ mode: "live", claiming: false });
    expect(sim.dispatcher.connected).toBe(true);
    const next = sim.world.submitJob(session, "and the session goes on");
    await completed(sim, next);
    expect(violations(sim)).toEqual([]);
  });

  test("to sortition: a pushed job in the middle is answered, claims begin, capabilities are declared", async () => {
    const { sim, run } = await liveSimulation("dispatcher");
    expect(sim.world.registration!.capabilities).toBe(0n);
    const session = sim.world.dispatchSession();
    sim.behaviour.deltaMs = 8_000;
    const job = sim.world.submitJob(session, "in the middle");
    await sim.clock.runUntil(() => stateOf(sim, job) === "Acknowledged", minute, "acknowledged");
    await switchTo(sim, run, "sortition");
    await completed(sim, job);
    await sim.clock.runUntil(() => run.sidecar.status().claiming, minute, "claiming");
    expect(sim.dispatcher.connected).toBe(false);
    const request = sim.world.requestSession();
    await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "claimed");
    const next = sim.world.submitJob(sim.world.sessionOf(request)!, "and new ones come");
    await completed(sim, next);
    expect(sim.world.registration!.capabilities).toBe(1n);
    expect(ciphertextHash(sim.gateway.completes.at(-1)!.payload)).toBe(
      sim.world.jobs.get(next)!.responseCiphertextHash,
    );
    expect(violations(sim)).toEqual([]);
  });
});
