import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBatcher, type DeltaKind } from "../../sidecar/jobs/batcher.js";
import { acknowledgementMarginMs, leavesTimeForModel, leavesTimeToSettle } from "../../sidecar/jobs/deadlines.js";
import { createSlots } from "../../sidecar/jobs/slots.js";
import { blockTime } from "../../schema/units.js";

describe("the batcher", () => {
  const run = (deltas: readonly (readonly [atMs: number, kind: DeltaKind, text: string])[]) => {
    const emitted: string[] = [];
    let now = 0;
    const batcher = createBatcher({
      deltas: 3,
      ms: 250,
      now: () => now,
      emit: (kind, text) => emitted.push(`${kind}:${text}`),
    });
    for (const [at, kind, text] of deltas) {
      now = at;
      batcher.add(kind, text);
    }
    batcher.flush();
    return emitted;
  };
  test.each<[situation: string, deltas: Parameters<typeof run>[0], frames: string[]]>([
    [
      "sends the first delta at once and the rest together",
      [
        [0, "text", "a"],
        [1, "text", "b"],
        [2, "text", "c"],
      ],
      ["text:a", "text:bc"],
    ],
    [
      "sends a batch when it is full",
      [
        [0, "text", "a"],
        [1, "text", "b"],
        [2, "text", "c"],
        [3, "text", "d"],
        [4, "text", "e"],
      ],
      ["text:a", "text:bcd", "text:e"],
    ],
    [
      "sends a batch when its first delta has waited long enough",
      [
        [0, "text", "a"],
        [1, "text", "b"],
        [252, "text", "c"],
        [253, "text", "d"],
      ],
      ["text:a", "text:bc", "text:d"],
    ],
    [
      "keeps the order in which kinds were generated",
      [
        [0, "reasoning", "r"],
        [1, "reasoning", "s"],
        [2, "text", "t"],
      ],
      ["reasoning:r", "reasoning:s", "text:t"],
    ],
    ["says nothing of nothing", [], []],
  ])("%s", (_, deltas, frames) => expect(run(deltas)).toEqual(frames));

  test("loses, adds and reorders nothing", () => {
    const delta = fc.tuple(fc.nat(100), fc.constantFrom<DeltaKind>("text", "reasoning"), fc.string({ minLength: 1 }));
    fc.assert(
      fc.property(fc.array(delta), (steps) => {
        let at = 0;
        const deltas = steps.map(([ms, kind, text]) => [(at += ms), kind, text] as const);
        const emitted = run(deltas);
        for (const kind of ["text", "reasoning"] as const)
          expect(
            emitted
              .filter((frame) => frame.startsWith(`${kind}:`))
              .map((frame) => frame.slice(kind.length + 1))
              .join(""),
          ).toBe(
            deltas
              .filter((one) => one[1] === kind)
              .map((one) => one[2])
              .join(""),
          );
      }),
    );
  });
});

describe("deadlines", () => {
  const reserves = { settleReserveMs: 25_000, completionReserveMs: 12_000, minInferenceBudgetMs: 10_000 };
  test("a model is begun only with more than both reserves left", () => {
    expect(leavesTimeForModel(35_001, reserves)).toBe(true);
    expect(leavesTimeForModel(35_000, reserves)).toBe(false);
  });
  test("an answer is settled only with more than the completion's reserve left", () => {
    expect(leavesTimeToSettle(12_001, reserves)).toBe(true);
    expect(leavesTimeToSettle(12_000, reserves)).toBe(false);
  });
  test("checks before an acknowledgement leave it its budget, and half of a short window", () => {
    const job = (seconds: bigint) => ({ submittedAt: blockTime(1_000n), deadline: blockTime(1_000n + seconds) });
    expect(acknowledgementMarginMs(job(60n), 15_000)).toBe(15_000);
    expect(acknowledgementMarginMs(job(10n), 15_000)).toBe(5_000);
  });
});

describe("slots", () => {
  const never = new AbortController().signal;
  test("are given in the order of asking", async () => {
    const slots = createSlots(1);
    const order: number[] = [];
    const first = await slots.take(never);
    const waiting = [1, 2].map((name) => slots.take(never).then((leave) => (order.push(name), leave)));
    first();
    (await waiting[0]!)();
    (await waiting[1]!)();
    expect(order).toEqual([1, 2]);
    expect(slots.taken).toBe(0);
  });
  test("are not held by those who stopped waiting", async () => {
    const slots = createSlots(1);
    const leave = await slots.take(never);
    const bored = new AbortController();
    const refused = slots.take(bored.signal);
    bored.abort(new Error("enough"));
    await expect(refused).rejects.toThrow("enough");
    leave();
    leave();
    expect(slots.taken).toBe(0);
    (await slots.take(never))();
  });
});
