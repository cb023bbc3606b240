import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jobStates } from "../../sidecar/journal.js";
import type { Moment } from "../simulation/gate.js";
import { violations } from "../simulation/invariants.js";
import { createSimulation, serving, type Run, type Simulation } from "../simulation/simulation.js";

const minute = 60_000;
const scenario = {
  /** From nothing to a completed job of an own session; the process dies at each of `moments` in turn and is started again two seconds later. */
  play: async (
    seed: number,
    moments: readonly Moment[],
  ): Promise<{ sim: Simulation; last: Run; moments: number[] }> => {
    const sim = createSimulation({ seed });
    const counts: number[] = [];
    let run = sim.boot({ ...(moments[0] !== undefined && { dieAt: moments[0] }) });
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
      if (run.gate.dead && lives <= moments.length) {
        counts.push(run.gate.passed.length);
        await sim.clock.run(2_000);
        const dieAt = moments[lives++];
        run = sim.boot({ ...(dieAt !== undefined && { dieAt }) });
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
      const session = sim.world.sessionOf(request);
      if (session !== undefined && jobOf() === undefined) sim.world.submitJob(session, "Say something.");
    }
    await sim.clock.run(5_000);
    counts.push(run.gate.passed.length);
    return { sim, last: run, moments: counts };
  },
};

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

  test("at any moment, and again at any other, does everything exactly once", { timeout: 120_000 }, async () => {
    const { moments } = await scenario.play(1, []);
    const total = moments[0]!;
    expect(total).toBeGreaterThan(200);
    const runs = Number(process.env["SIM_RUNS"] ?? "25");
    await fc
      .assert(
        fc.asyncProperty(fc.nat(99), fc.array(fc.nat(total), { minLength: 1, maxLength: 3 }), async (seed, deaths) => {
          const { sim } = await scenario.play(seed, deaths);
          expectOneOfEverything(sim);
        }),
        { numRuns: runs, ...(process.env["SIM_SEED"] !== undefined && { seed: Number(process.env["SIM_SEED"]) }) },
      )
      .catch((error: unknown) => {
        const seed = /seed: (-?\d+)/.exec(String(error))?.[1] ?? "?";
        throw new Error(
          `replay: SIM_SEED=${seed} npx vitest run --project fast test/sidecar/crash.test.ts\n${String(error)}`,
        );
      });
  });
});
