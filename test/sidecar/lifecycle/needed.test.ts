import { describe, expect, test } from "vitest";
import type { JobState } from "../../../sidecar/journal.js";
import { isNeeded, type Demand } from "../../../sidecar/lifecycle/needed.js";
import { gemma, job, lcai, llama, session, workerWith } from "../../lifecycle/situations.js";

/* A worker that was told to serve gemma only, and had served llama before. */
const serving = (models = [gemma]): Demand["intent"] => ({
  kind: "serving",
  serving: { generation: 1, models, stake: { kind: "minimum", max: lcai("6000") }, gasReserve: lcai("10") },
});
const onChain = (...[different, registration]: Parameters<typeof workerWith>) =>
  workerWith(different, registration === null ? null : { models: [gemma], ...registration });
const quiet: Demand = { observed: onChain(), intent: serving(), jobs: [], pendingClaims: 0 };
const row = (state: JobState, model = llama) => ({ model, state });

describe("a model that is not offered any more is needed", () => {
  test.each<[because: string, change: Partial<Demand>]>([
    ["as long as the chain says that it is served: sessions may come", { observed: onChain({}, { models: [llama] }) }],
    ["while a session of it is open", { observed: onChain({ sessions: [session(1, "open")] }) }],
    ["while a job of it is unanswered on chain", { observed: onChain({ jobs: [job(1, { state: "Acknowledged" })] }) }],
    ["from the moment a job was seen", { jobs: [row("seen")] }],
    ["until the answer is mined", { jobs: [row("completing")] }],
    ["while a claim may become a session of it", { pendingClaims: 1 }],
    ["before the chain was read", { observed: null }],
    ["when it is wanted again", { intent: serving([llama, gemma]) }],
    ["for a job in hand even when nothing is at stake any more", { observed: onChain({}, null), jobs: [row("acked")] }],
  ])("%s", (_, change) => expect(isNeeded(llama, { ...quiet, ...change })).toBe(true));
});

describe("it is not needed", () => {
  test.each<[because: string, change: Partial<Demand>]>([
    ["once it is off the chain and nothing of it is open", {}],
    ["for sessions that are dead", { observed: onChain({ sessions: [session(1, "dead")] }) }],
    ["for sessions of other models", { observed: onChain({ sessions: [{ ...session(1, "open"), model: gemma }] }) }],
    ["for jobs whose dispute window runs", { jobs: [row("completed")], observed: onChain({ jobs: [job(1)] }) }],
    ["for jobs of other models", { jobs: [row("acked", gemma)] }],
    ["by a worker that has left", { observed: onChain({ sessions: [session(1, "open")] }, null) }],
  ])("%s", (_, change) => expect(isNeeded(llama, { ...quiet, ...change })).toBe(false));
});
