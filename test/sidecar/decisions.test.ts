import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { JobStanding } from "../../lifecycle/types.js";
import { JournalDamaged, JournalInUse } from "../../sidecar/journal/failures.js";
import { ChainUnavailable, KzgUnavailable } from "../../sidecar/failures.js";
import { intentOf } from "../../sidecar/lifecycle/intent.js";
import { whyNothingIsClaimed } from "../../sidecar/sessions/abstention.js";
import { claimRoom, worstJobCost, type Load } from "../../sidecar/sessions/capacity.js";
import { dueForRelease } from "../../sidecar/settlement/due.js";
import { exitCodeFor } from "../../sidecar/startup/exit-codes.js";
import { badSecret } from "../../sidecar/startup/refusals.js";
import { WrongChain } from "../../abi/bootstrap.js";
import { blockTime, chainSeconds, jobId, modelId, sessionId, wei } from "../../schema/units.js";
import { serving } from "../simulation/simulation.js";

describe("room for claims", () => {
  const load: Load = {
    ...{ slots: 2, budgetMs: 95_000, answerMs: 20_000, openSessions: 0, pendingClaims: 0 },
    ...{ networkLimit: null, balance: 1_000n, jobCost: 1n },
  };
  test.each<[situation: string, change: Partial<Load>, room: number]>([
    ["as many as can be answered one after the other in time", {}, 8],
    ["one per slot while nothing was measured", { answerMs: null }, 2],
    ["one per slot when an answer takes all of the time", { answerMs: 200_000 }, 2],
    ["less what is open or on its way", { openSessions: 3, pendingClaims: 2 }, 3],
    ["none when more is open than can be answered", { openSessions: 20 }, 0],
    ["no more than the network allows", { networkLimit: 3n }, 3],
    ["a limit of zero is none", { networkLimit: 0n }, 8],
    ["no more than there is gas for", { balance: 25n, jobCost: 10n }, 2],
    ["a tiny measurement is not believed without end", { answerMs: 1 }, 16],
  ])("%s", (_, change, room) => expect(claimRoom({ ...load, ...change })).toBe(room));

  test("is never negative, and never more than the slots times eight", () => {
    const nat = fc.nat(50);
    fc.assert(
      fc.property(
        nat,
        nat,
        nat,
        fc.bigInt(0n, 100n),
        fc.bigInt(0n, 10n),
        (slots, openSessions, pendingClaims, balance, jobCost) => {
          const room = claimRoom({ ...load, slots, openSessions, pendingClaims, balance, jobCost });
          expect(room).toBeGreaterThanOrEqual(0);
          expect(room).toBeLessThanOrEqual(slots * 8);
        },
      ),
    );
  });
  test("a job's worst case counts its blob at the highest price", () => {
    expect(worstJobCost(0n, 11_000, 1_000_000_000n)).toBe(131_072_000_000_000n);
    expect(worstJobCost(10n, 11_000, 0n)).toBe(6_600_000n);
  });
});

describe("rules that forbid claims", () => {
  const reserves = {
    ...{ settleReserveMs: 25_000, completionReserveMs: 12_000, minInferenceBudgetMs: 10_000 },
    ackTimeoutMs: 15_000,
  };
  const allowed = {
    paused: { jobs: false, workers: false },
    ackTimeout: chainSeconds(16n),
    completionTimeout: chainSeconds(36n),
  };
  test.each<[rules: string, change: Partial<typeof allowed>, words: string | null]>([
    ["nothing in the way", {}, null],
    ["a paused JobRegistry", { paused: { jobs: true, workers: false } }, "JobRegistry is paused"],
    ["a paused WorkerRegistry", { paused: { jobs: false, workers: true } }, "WorkerRegistry is paused"],
    [
      "no more time for an acknowledgement than one may take",
      { ackTimeout: chainSeconds(15n) },
      "acknowledged within 15 s",
    ],
    ["just too little time for a model", { completionTimeout: chainSeconds(35n) }, "within 35 s"],
  ])("%s", (_, change, words) => {
    const why = whyNothingIsClaimed({ ...allowed, ...change }, reserves);
    if (words === null) return expect(why).toBeNull();
    expect(why).toMatchObject({ code: "LF1462", summary: expect.stringContaining(words) as string });
  });
});

describe("what is released", () => {
  const ready = (count: number, sinceSeconds: bigint): JobStanding[] =>
    Array.from({ length: count }, (_, at) => ({
      ...{ id: jobId(BigInt(count - at)), session: sessionId(1n), model: modelId(`0x${"11".repeat(32)}`) },
      ...{ state: "Completed" as const, escrow: wei(1n), deadline: blockTime(0n) },
      releasableAt: blockTime(10_000n - sinceSeconds),
      noFaultAt: null,
    }));
  const rules = { releaseBatchThreshold: 3, releaseIntervalMs: 60_000, releaseMaxBatch: 4 };
  const now = blockTime(10_000n);
  test.each<[situation: string, jobs: JobStanding[], due: number[]]>([
    ["nothing while few wait a short while", ready(2, 59n), []],
    ["all when there are enough of them", ready(3, 0n), [1, 2, 3]],
    ["even one that has waited for the interval", ready(1, 60n), [1]],
    ["no more than fit into one transaction, oldest first", ready(6, 60n), [1, 2, 3, 4]],
    ["nothing of nothing", [], []],
  ])("%s", (_, jobs, due) => expect(dueForRelease(jobs, now, rules).map(Number)).toEqual(due));
});

describe("what the sidecar was told to be", () => {
  const told = (servingGeneration: number | null, leaving: number, left: number) =>
    intentOf({
      serving: () => (servingGeneration === null ? undefined : serving(servingGeneration)),
      leavingGeneration: () => leaving,
      leftGeneration: () => left,
    }).kind;
  test.each<[situation: string, kind: string, expected: string]>([
    ["never told anything", told(null, 0, 0), "nothing"],
    ["told to serve", told(1, 0, 0), "serving"],
    ["told to leave", told(1, 1, 0), "leaving"],
    ["told to leave before it ever served", told(null, 1, 0), "leaving"],
    ["has left", told(1, 1, 1), "gone"],
    ["told to serve a higher generation after it has left", told(2, 1, 1), "serving"],
    ["told to serve a higher generation while it leaves", told(2, 1, 0), "serving"],
    ["leaves the second generation", told(2, 2, 1), "leaving"],
  ])("%s", (_, kind, expected) => expect(kind).toBe(expected));
});

test.each<[what: string, error: unknown, code: number]>([
  ["a wrong secret", badSecret("fd:3", "it is empty"), 78],
  ["another chain", new WrongChain("devnet", 1, 2, "http://127.0.0.1"), 78],
  ["a damaged journal", new JournalDamaged("j", new Error("x")), 78],
  ["no library for blobs", new KzgUnavailable(new Error("x")), 78],
  ["a journal that another process holds", new JournalInUse("j", new Error("x")), 75],
  ["a node that is down", new ChainUnavailable("a block", new Error("x")), 75],
  ["a bug", new TypeError("x"), 1],
])("%s ends a start with its code", (_, error, code) => expect(exitCodeFor(error)).toBe(code));
