import { describe, expect, test } from "vitest";
import type { PurposeId } from "../../lifecycle/types.js";
import { wei, type JobId, type SessionId } from "../../schema/units.js";
import type { Journal } from "../../sidecar/journal.js";
import { createSimulation, serving, type Run, type Simulation } from "../simulation/simulation.js";
import { worker } from "../simulation/world.js";
import { violations } from "../simulation/invariants.js";

const minute = 60_000;
const live = async (sim: Simulation, run: Run): Promise<void> => {
  await sim.clock.runUntil(() => run.sidecar.status().block !== null, minute, "started");
  run.sidecar.handle({ op: "live", serving: serving() });
  await sim.clock.runUntil(() => run.sidecar.status().mode === "live", 2 * minute, "live");
};
/** Tells a process to serve as soon as it listens. */
const serve = (run: Run): void => void run.started.then(() => run.sidecar.handle({ op: "live", serving: serving() }));
/** How often the model was asked for a job's answer; a new host rehearses as well. */
const timesAsked = (sim: Simulation): number =>
  sim.behaviour.asked.filter((text) => text.startsWith("question")).length;
/** What must hold; each host writes a rehearsal's blob of its own. */
const wrong = (sim: Simulation): string[] => violations(sim).filter((one) => !one.includes("/rehearsal/"));
const session = async (sim: Simulation): Promise<SessionId> => {
  const request = sim.world.requestSession();
  await sim.clock.runUntil(() => sim.world.sessionOf(request) !== undefined, minute, "a session");
  return sim.world.sessionOf(request)!;
};

/** A holder that dies at a moment of a job, and another that takes over under the next epoch. */
async function handOver(
  diesAt: string,
  options: { readonly disk?: "same" | "empty"; readonly jobs?: number; readonly takerDiesAt?: RegExp } = {},
): Promise<{ sim: Simulation; jobs: JobId[]; disk: Journal; signed: number; next: Run }> {
  const sim = createSimulation();
  const first = sim.boot({ dieAt: (name) => name.endsWith(diesAt) });
  await live(sim, first);
  const id = await session(sim);
  const jobs = Array.from({ length: options.jobs ?? 1 }, (_, at) => sim.world.submitJob(id, `question ${at}`));
  await sim.clock.runUntil(() => first.gate.dead, 2 * minute, `it dies at ${diesAt}`);
  await sim.clock.run(4_000); // what it sent is mined
  const signed = sim.signed.length;
  const disk = options.disk === "same" ? sim.journal : sim.emptyDisk();
  const { takerDiesAt } = options;
  const next = sim.boot({
    ...{ epoch: 2, on: disk },
    ...(takerDiesAt !== undefined && { dieAt: (name: string) => takerDiesAt.test(name) }),
  });
  serve(next);
  return { sim, jobs, disk, signed, next };
}

describe("a job that a former holder acknowledged", () => {
  test.each<[where: string, disk: "same" | "empty"]>([
    ["on another host", "empty"],
    ["on the same disk", "same"],
  ])(
    "and answered in a blob is completed with exactly those bytes, and signed once the chain holds them (%s)",
    async (_, disk) => {
      const { sim, jobs, ...second } = await handOver(".advance.completing: before", { disk });
      const [job] = jobs;
      const signedAt: string[] = [];
      const isOver = (): boolean => {
        if (sim.signed.length > second.signed) signedAt.push(sim.world.jobs.get(job!)!.state);
        return second.disk.job(job!)?.state === "completed";
      };
      await sim.clock.runUntil(isOver, 2 * minute, "completed");
      expect(new Set(signedAt)).toEqual(new Set(disk === "empty" ? ["Completed"] : [])); // the same disk has it signed
      expect(new Set(sim.signed).size).toBe(1);
      const published = sim.world.mined.flatMap(({ call, blob }) =>
        call.purpose.includes(`/answer/g0/${job!}`) ? [blob!] : [],
      );
      expect(published).toHaveLength(1);
      expect(sim.gateway.completes.at(-1)!.payload).toEqual(published[0]!.payload);
      expect(timesAsked(sim)).toBe(1);
      expect(second.disk.job(job!)).toMatchObject({ state: "completed", versionedHash: published[0]!.hash });
      expect(wrong(sim)).toEqual([]);
    },
  );

  test.each<[where: string, disk: "same" | "empty"]>([
    ["on another host", "empty"],
    ["on the same disk, whose own acknowledgement was mined", "same"],
  ])(
    "and did not answer is never run again: it is given up before its deadline, with the cause (%s)",
    async (_, disk) => {
      const { sim, jobs, ...second } = await handOver(".advance.acked: after", { disk });
      const [job] = jobs;
      await sim.clock.runUntil(() => second.disk.job(job!)?.state === "forfeited", 3 * minute, "forfeited");
      expect(second.disk.job(job!)?.cause).toContain("LF1476");
      expect(sim.world.jobs.get(job!)!.deadline).toBeGreaterThanOrEqual(sim.world.head.time);
      expect(timesAsked(sim)).toBe(1);
      expect(sim.signed).toEqual([]);
    },
  );

  test("is not guessed at when two of its session may have brought the one answer", async () => {
    const { sim, jobs, ...second } = await handOver(".advance.completing: before", { jobs: 2 });
    const states = () => jobs.map((job) => second.disk.job(job)?.state);
    await sim.clock.runUntil(() => states().every((state) => state === "forfeited"), 4 * minute, "both forfeited");
    expect(jobs.map((job) => second.disk.job(job)?.cause)).toEqual([
      expect.stringContaining("which one is its cannot be told"),
      expect.stringContaining("which one is its cannot be told"),
    ]);
    expect(sim.signed).toHaveLength(second.signed);
  });

  test("is still known as such after the taker-over has restarted", async () => {
    const { sim, jobs, disk, next } = await handOver(".advance.acked: after");
    await sim.clock.runUntil(() => disk.job(jobs[0]!) !== undefined, minute, "seen");
    next.gate.die();
    sim.boot({ epoch: 2, on: disk });
    await sim.clock.runUntil(() => disk.job(jobs[0]!)?.state === "forfeited", 3 * minute, "forfeited");
    expect(timesAsked(sim)).toBe(1);
    expect(sim.signed).toEqual([]);
  });

  test("and whose answer was being written down when the taker-over died is not published again", async () => {
    const { sim, jobs, disk, next } = await handOver(".advance.completing: before", {
      takerDiesAt: /\.advance\.(answered|completing): after$/,
    });
    await sim.clock.runUntil(() => next.gate.dead, 2 * minute, "the taker-over is dead");
    sim.boot({ epoch: 2, on: disk });
    await sim.clock.runUntil(() => sim.world.jobs.get(jobs[0]!)!.state === "Completed", 2 * minute, "completed");
    const published = sim.world.mined.filter(({ call }) => call.purpose.includes(`/answer/g0/${jobs[0]!}`));
    expect(published).toHaveLength(1);
  });

  test("and whose recovered answer was not signed when the taker-over died is still signed last", async () => {
    const { sim, jobs, disk, signed, next } = await handOver(".advance.completing: before");
    await sim.clock.runUntil(() => disk.job(jobs[0]!)?.state === "completing", minute, "recovered");
    next.gate.die();
    expect(disk.job(jobs[0]!)?.signature).toBeNull();
    const states: string[] = [];
    sim.boot({ epoch: 2, on: disk });
    await sim.clock.runUntil(
      () => {
        if (sim.signed.length > signed && states.length === 0) states.push(sim.world.jobs.get(jobs[0]!)!.state);
        return states.length > 0;
      },
      2 * minute,
      "a signature",
    );
    expect(states).toEqual(["Completed"]);
  });
});

test("an answer is not signed when another run's completion came first and ours was reverted", async () => {
  const sim = createSimulation();
  const first = sim.boot({ dieAt: (name) => name.endsWith(".advance.answered: after") });
  await live(sim, first);
  const job = sim.world.submitJob(await session(sim), "whose?");
  await sim.clock.runUntil(() => first.gate.dead, minute, "dead");
  sim.boot();
  const isCompleting = (): boolean => sim.world.mempool.some(({ call }) => call.purpose.includes("/complete/"));
  await sim.clock.runUntil(isCompleting, minute, "completing");
  Object.assign(sim.world.jobs.get(job)!, {
    ...{ state: "Completed", completedAt: sim.world.head.time },
    ...{ responseBlobHash: `0x01${"ab".repeat(31)}`, responseCiphertextHash: `0x${"cd".repeat(32)}` },
  });
  await sim.clock.run(minute);
  expect(sim.signed).toEqual([]);
  expect(sim.journal.job(job)?.cause).toContain("LF1474");
});

test("a job that is submitted but not acknowledged is served by whoever holds the key", async () => {
  const sim = createSimulation();
  const first = sim.boot();
  await live(sim, first);
  const id = await session(sim);
  first.gate.die();
  const job = sim.world.submitJob(id, "whose?");
  serve(sim.boot({ epoch: 2, on: sim.emptyDisk() }));
  await sim.clock.runUntil(() => sim.gateway.completes.length > 0, 2 * minute, "a delivery");
  await sim.clock.runUntil(() => sim.world.jobs.get(job)!.state === "Completed", 2 * minute, "completed");
  expect(wrong(sim)).toEqual([]);
});

describe("a new epoch", () => {
  const marks = (sim: Simulation) => sim.world.mined.filter(({ call }) => call.purpose.includes("/handover/"));

  test("of a registered worker begins with a transaction that no former holder knows, once", async () => {
    const { sim, disk, next } = await handOver(".advance.acked: after");
    await sim.clock.runUntil(() => marks(sim).length > 0, minute, "the mark");
    next.gate.die();
    sim.boot({ epoch: 2, on: disk });
    await sim.clock.run(minute);
    expect(marks(sim).map(({ call }) => call.purpose.split("/").slice(2).join("/"))).toEqual(["handover/g0/2"]);
  });

  test("vouches for what the former holder left in the pools", async () => {
    const sim = createSimulation();
    sim.world.nonce = 7;
    const call = { purpose: "a leftover" as PurposeId, to: worker, data: "0x", value: wei(0n) } as const;
    sim.world.submitTx({ call, hash: `0x${"1e".repeat(32)}`, mined: null });
    const next = sim.boot({ epoch: 2 });
    await sim.clock.run(10_000);
    expect(sim.world.nonce).toBe(8);
    await live(sim, next);
    expect(next.alarms).toEqual([]);
  });

  test("stops whoever goes on under the former one, before it lets another signature out", async () => {
    const sim = createSimulation();
    const former = sim.boot();
    await live(sim, former);
    sim.behaviour.deltaMs = 3_000;
    sim.behaviour.answer = () => Array<string>(10).fill("slowly ");
    const job = sim.world.submitJob(await session(sim), "question");
    await sim.clock.runUntil(() => timesAsked(sim) > 0 && sim.journal.job(job)?.state === "acked", minute, "asked");
    let end: unknown;
    void former.sidecar.ended.then((how) => (end = how));
    sim.boot({ epoch: 2, on: sim.emptyDisk() });
    await sim.clock.runUntil(() => marks(sim).length > 0, minute, "the mark");
    await sim.clock.run(2 * minute);
    expect(end).toMatchObject({ exit: 75, because: { code: "LF1412" } });
    expect(sim.signed).toEqual([]);
  });
});
