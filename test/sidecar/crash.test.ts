import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jobStates } from "../../sidecar/journal.js";
import type { Moment } from "../simulation/gate.js";
import { violations } from "../simulation/invariants.js";
import { createSimulation, serving, type Run, type Simulation } from "../simulation/simulation.js";

const minute = 60_000;
/** Something that fails for a while. */
interface Fault {
  readonly atMs: number;
  readonly part: "node" | "model" | "gateway";
  readonly forMs: number;
}

/** The network's owner changes how sessions are given out; at 0 it begins like that. */
interface Switch {
  readonly atMs: number;
  readonly to: "sortition" | "dispatcher";
}

const scenario = {
  /** From nothing to a completed job of an own session; the process dies at each of `moments` in turn and is started again two seconds later. */
  play: async (
    seed: number,
    moments: readonly Moment[],
    faults: readonly Fault[] = [],
    switches: readonly Switch[] = [],
  ): Promise<{ sim: Simulation; last: Run; moments: number[] }> => {
    const sim = createSimulation({ seed });
    for (const fault of faults) schedule(sim, fault);
    for (const { atMs, to } of switches) {
      if (atMs === 0) sim.world.selection = to;
      else void sim.clock.sleep(atMs).then(() => (sim.world.selection = to));
    }
    const counts: number[] = [];
    const refused = new Set<Run>();
    const boot: Simulation["boot"] = (options) => {
      const booted = sim.boot(options);
      booted.started.catch(() => refused.add(booted));
      return booted;
    };
    let run = boot({ ...(moments[0] !== undefined && { dieAt: moments[0] }) });
    let lives = 1;
    let told = false;
    const request = sim.world.requestSession();
    const jobOf = () => [...sim.world.jobs.keys()][0];
    const isDone = () => {
      const job = jobOf();
      return (
        job !== undefined &&
        sim.world.jobs.get(job)!.state === "Completed" &&
        sim.journal.job(job)?.state === "completed"
      );
    };
    for (let spent = 0; spent < 20 * minute && !isDone(); spent += 500) {
      await sim.clock.run(500);
      if (refused.has(run)) run = boot(); // exit 75: the supervisor tries again
      if (run.gate.dead && lives <= moments.length) {
        counts.push(run.gate.passed.length);
        await sim.clock.run(2_000);
        const dieAt = moments[lives++];
        run = boot({ ...(dieAt !== undefined && { dieAt }) });
        told = false;
      }
      if (!told && !run.gate.dead && run.sidecar.status().block !== null) {
        told = sim.journal.serving() !== undefined;
        // The provider repeats itself until the status says so.
        if (!told)
          try {
            run.sidecar.handle({ op: "live", serving: serving() });
          } catch {
            // it died at this very moment
          }
      }
      const isDispatched = sim.world.selection === "dispatcher" && sim.dispatcher.connected;
      const session = sim.world.sessionOf(request) ?? (isDispatched ? sim.world.dispatchSession() : undefined);
      if (session !== undefined && jobOf() === undefined) sim.world.submitJob(session, "Say something.");
    }
    await sim.clock.run(5_000);
    counts.push(run.gate.passed.length);
    return { sim, last: run, moments: counts };
  },
};

function schedule(sim: Simulation, { atMs, part, forMs }: Fault): void {
  const set = (down: boolean): void => {
    if (part === "node") sim.world.reachable = !down;
    if (part === "model") sim.behaviour.up = !down;
    if (part === "gateway") sim.gateway.down = down;
  };
  void sim.clock.sleep(atMs).then(() => set(true));
  void sim.clock.sleep(atMs + forMs).then(() => set(false));
}

/** Completed, with nothing done twice. */
function expectOneOfEverything(sim: Simulation): void {
  expect(violations(sim)).toEqual([]);
  const [job] = sim.world.jobs.values();
  expect(job?.state).toBe("Completed");
  expect(new Set(sim.signed).size).toBe(1);
  expect(sim.gateway.completes.length).toBeGreaterThan(0);
}

describe("a process that dies", () => {
  const states = jobStates.slice(1, jobStates.indexOf("completed") + 1);
  test.each(
    states.flatMap((state) => [
      [`right before it writes ${state}`, state, "before"],
      [`right after it wrote ${state}`, state, "after"],
    ]),
  )("%s goes on where it stood, with one ciphertext and one completion", async (_, state, when) => {
    const { sim } = await scenario.play(1, [(name) => name === `journal.advance.${state}: ${when}`]);
    expectOneOfEverything(sim);
  });

  test.each(
    states.flatMap((state) => [
      [`right before it writes ${state}`, state, "before"],
      [`right after it wrote ${state}`, state, "after"],
    ]),
  )("in dispatcher mode, %s, does the same", async (_, state, when) => {
    const moment: Moment = (name) => name === `journal.advance.${state}: ${when}`;
    const { sim } = await scenario.play(1, [moment], [], [{ atMs: 0, to: "dispatcher" }]);
    expectOneOfEverything(sim);
    const [job] = sim.world.jobs.keys();
    expect(sim.dispatcher.said).toContainEqual({ done: job, error: null });
    expect(sim.gateway.frames).toEqual([]);
  });

  const runs = Number(process.env["SIM_RUNS"] ?? "25");
  const withReplay = async (property: fc.IAsyncProperty<unknown>): Promise<void> => {
    const seed = process.env["SIM_SEED"];
    const result = await fc.check(property, { numRuns: runs, ...(seed !== undefined && { seed: Number(seed) }) });
    if (result.failed)
      throw new Error(
        `replay: SIM_SEED=${result.seed} SIM_RUNS=${runs} npx vitest run --project fast test/sidecar/crash.test.ts\n` +
          `${JSON.stringify(result.counterexample)}\n${String(result.errorInstance)}`,
      );
  };

  test("at any moment, and again at any other, does everything exactly once", { timeout: 300_000 }, async () => {
    const { moments } = await scenario.play(1, []);
    const total = moments[0]!;
    expect(total).toBeGreaterThan(200);
    const deaths = fc.array(fc.nat(total), { minLength: 1, maxLength: 3 });
    await withReplay(
      fc.asyncProperty(fc.nat(99), deaths, async (seed, moments) => {
        expectOneOfEverything((await scenario.play(seed, moments)).sim);
      }),
    );
  });

  test("while the network changes its mode does everything exactly once", { timeout: 300_000 }, async () => {
    const change = fc.record({
      atMs: fc.oneof(fc.constant(0), fc.nat(120_000)),
      to: fc.constantFrom("sortition" as const, "dispatcher" as const),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    await withReplay(
      fc.asyncProperty(
        fc.nat(99),
        fc.array(fc.nat(400), { maxLength: 2 }),
        changes,
        async (seed, moments, switches) => {
          expectOneOfEverything((await scenario.play(seed, moments, [], switches)).sim);
        },
      ),
    );
  });

  test("among short failures of everything around it does everything exactly once", { timeout: 300_000 }, async () => {
    const fault = fc.record({
      atMs: fc.nat(60_000),
      part: fc.constantFrom("node" as const, "model" as const, "gateway" as const),
      forMs: fc.integer({ min: 100, max: 8_000 }),
    });
    const faults = fc.array(fault, { minLength: 1, maxLength: 4 });
    await withReplay(
      fc.asyncProperty(fc.nat(99), fc.array(fc.nat(400), { maxLength: 2 }), faults, async (seed, moments, schedule) => {
        expectOneOfEverything((await scenario.play(seed, moments, schedule)).sim);
      }),
    );
  });
});
