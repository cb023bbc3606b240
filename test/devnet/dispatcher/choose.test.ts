import fc from "fast-check";
import { expect, test } from "vitest";
import { ranked, type Candidate } from "../../../devnet/dispatcher/choose.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import type { Address } from "../../../schema/units.js";

const llama = modelIdOf("llama3-8b");
const gemma = modelIdOf("gemma4:e2b");
const address = (digit: number): Address => `0x${String(digit).repeat(40)}`;
const candidate = (digit: number, over: Partial<Candidate> = {}): Candidate => ({
  worker: address(digit),
  models: [llama],
  capabilities: [],
  isStale: false,
  isDraining: false,
  free: 2,
  chosenMs: 0,
  ...over,
});

test.each<[why: string, over: Partial<Candidate>]>([
  ["serves another model", { models: [gemma] }],
  ["has not been heard of lately", { isStale: true }],
  ["asked not to be chosen", { isDraining: true }],
  ["has no place left, or no job stream", { free: 0 }],
  ["says that it works on more than it may", { free: -1 }],
  ["lacks what is required", { capabilities: ["voice"] }],
])("a worker that %s is not chosen", (_, over) => {
  const suitable = candidate(2, { capabilities: ["search"], free: 1 });
  expect(ranked([candidate(1, over), suitable], llama, ["search"])).toEqual([suitable.worker]);
});

test("the one with most places comes first, then the one that waited longest", () => {
  const candidates = [
    candidate(1, { chosenMs: 9 }),
    candidate(2, { free: 1 }),
    candidate(3, { chosenMs: 5 }),
    candidate(4, { free: 8, chosenMs: 99 }),
  ];
  expect(ranked(candidates, llama)).toEqual([4, 3, 1, 2].map(address));
});

test("whatever their order, the same worker is chosen", () => {
  const any = fc.uniqueArray(
    fc.record({ digit: fc.integer({ min: 1, max: 9 }), free: fc.nat(3), chosenMs: fc.nat(3) }),
    { selector: ({ digit }) => digit },
  );
  fc.assert(
    fc.property(any, (list) => {
      const candidates = list.map(({ digit, ...over }) => candidate(digit, over));
      expect(ranked([...candidates].reverse(), llama)).toEqual(ranked(candidates, llama));
    }),
  );
});
