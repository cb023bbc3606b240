import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { setCell, writeGguf, zeros, type GgufValue, type Matrix } from "../../../devnet/model/gguf.js";
import { readGguf } from "./gguf-reader.js";

const anyFloat = fc.float({ noNaN: true });
const anyValue = fc.oneof<fc.Arbitrary<GgufValue>[]>(
  fc.record({ type: fc.constant("uint32" as const), value: fc.nat(0xffffffff) }),
  fc.record({ type: fc.constant("float32" as const), value: anyFloat }),
  fc.record({ type: fc.constant("string" as const), value: fc.string({ unit: "grapheme" }) }),
  fc.record({ type: fc.constant("strings" as const), value: fc.array(fc.string({ unit: "grapheme" })) }),
  fc.record({ type: fc.constant("float32s" as const), value: fc.array(anyFloat) }),
  fc.record({ type: fc.constant("int32s" as const), value: fc.array(fc.integer()) }),
);
const anyMatrix: fc.Arbitrary<Matrix> = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 }))
  .chain(([rows, columns]) =>
    fc
      .array(anyFloat, { minLength: rows * columns, maxLength: rows * columns })
      .map((values) => ({ rows, columns, values: Float32Array.from(values) })),
  );
const anyModel = fc.record({
  metadata: fc.uniqueArray(fc.tuple(fc.string(), anyValue), { selector: ([key]) => key, maxLength: 6 }),
  tensors: fc.uniqueArray(fc.tuple(fc.string(), anyMatrix), { selector: ([name]) => name, maxLength: 5 }),
});

describe("a GGUF file", () => {
  test("says what was written into it, in version 3", () =>
    fc.assert(
      fc.property(anyModel, (model) => {
        const file = readGguf(writeGguf(model));
        expect(file.version).toBe(3);
        expect([...file.metadata]).toEqual(model.metadata.map(([key, { value }]) => [key, value]));
        expect([...file.tensors].map(([name, { values }]) => [name, values])).toEqual(
          model.tensors.map(([name, { values }]) => [name, values]),
        );
      }),
      { numRuns: 50 },
    ));

  test("keeps every tensor on a 32-byte boundary, and ends on one", () =>
    fc.assert(
      fc.property(anyModel, (model) => {
        const bytes = writeGguf(model);
        expect(bytes.length % 32).toBe(0);
        for (const { offset } of readGguf(bytes).tensors.values()) expect(offset % 32).toBe(0);
      }),
      { numRuns: 50 },
    ));

  test("names the fastest dimension of a matrix first, and a vector's only one", () => {
    const { tensors } = readGguf(
      writeGguf({
        metadata: [],
        tensors: [
          ["matrix", zeros(2, 5)],
          ["vector", zeros(1, 7)],
        ],
      }),
    );
    expect(tensors.get("matrix")?.dimensions).toEqual([5, 2]);
    expect(tensors.get("vector")?.dimensions).toEqual([7]);
  });
});

test("a cell outside a matrix cannot be set", () => {
  expect(() => setCell(zeros(2, 3), 1, 3, 1)).toThrow(RangeError);
  expect(() => setCell(zeros(2, 3), 2, 0, 1)).toThrow(RangeError);
});
