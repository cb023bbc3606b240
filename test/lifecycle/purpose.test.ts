import fc from "fast-check";
import { expect, test } from "vitest";
import { chunksOf } from "../../lifecycle/history.js";
import { isLifecycle, nextPurpose, parsePurpose, purposeId, type Purpose } from "../../lifecycle/purpose.js";
import { sentTx, worker } from "./situations.js";

test("a purpose reads as what a payment is for, and survives reading", () => {
  const purpose = fc.record(
    {
      chainId: fc.integer({ min: 1, max: 2 ** 31 }),
      worker: fc.constant(worker),
      kind: fc.constantFrom("register", "fund", "sweep", "complete"),
      generation: fc.nat(1_000),
      detail: fc.stringMatching(/^[A-Za-z0-9._-]{1,20}(\/[0-9]{1,3})?$/),
    },
    { requiredKeys: ["chainId", "worker", "kind", "generation"] },
  );
  fc.assert(
    fc.property(purpose, (parts) => {
      expect(parsePurpose(purposeId(parts as Purpose))).toEqual(parts);
    }),
  );
  expect(purposeId({ chainId: 8200, worker, kind: "fund", generation: 2, detail: "1" })).toBe(
    `8200/${worker.toLowerCase()}/fund/g2/1`,
  );
});

test("nothing else is a purpose", () => {
  for (const text of [
    "",
    "8200",
    `8200/${worker}/fund/g1`,
    `8200/${worker.toLowerCase()}/steal/g1`,
    `08/${worker.toLowerCase()}/fund/g1`,
    `8200/${worker.toLowerCase()}/fund/g1/`,
  ])
    expect([text, parsePurpose(text)]).toEqual([text, undefined]);
  expect(() => purposeId({ chainId: 0, worker, kind: "fund", generation: 1 })).toThrow(RangeError);
  expect(() => purposeId({ chainId: 1, worker, kind: "fund", generation: 1, detail: "a b" })).toThrow(RangeError);
});

test("the next purpose counts only what was mined", () => {
  const base = { chainId: 8200, worker, kind: "topUp", generation: 1 } as const;
  const next = (...sent: Parameters<typeof nextPurpose>[1]) => parsePurpose(nextPurpose(base, sent))!.detail;
  expect(next()).toBe("1");
  expect(next(sentTx("topUp", "1", { outcome: "open" }))).toBe("1");
  expect(next(sentTx("topUp", "1", { outcome: "dead" }), sentTx("topUp", "1"))).toBe("2");
  expect(next(sentTx("withdraw", "1"))).toBe("1");
});

test("daily work is not the lifecycle's", () => {
  expect([isLifecycle(sentTx("register", undefined)), isLifecycle(sentTx("claim", "7"))]).toEqual([true, false]);
});

test("ranges of blocks are whole, without overlap, and no longer than nodes answer", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 100_000n }), fc.bigInt({ min: 0n, max: 50_000n }), (from, length) => {
      const chunks = chunksOf(from, from + length);
      expect([chunks[0]!.fromBlock, chunks.at(-1)!.toBlock]).toEqual([from, from + length]);
      chunks.forEach(({ fromBlock, toBlock }, index) => {
        expect(toBlock - fromBlock).toBeLessThan(5_000n);
        if (index > 0) expect(fromBlock).toBe(chunks[index - 1]!.toBlock + 1n);
      });
    }),
  );
  expect(chunksOf(5n, 4n)).toEqual([]);
});
