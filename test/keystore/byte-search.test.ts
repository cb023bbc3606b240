import fc from "fast-check";
import { expect, test } from "vitest";
import { searchFor, type Pattern } from "../../keystore/byte-search.js";

/** What is to be found, in the plainest way: a pass for each pattern. */
const plainly = (patterns: readonly Pattern[], content: Uint8Array): number[] => {
  const exact = Buffer.from(content);
  const small = Buffer.from(
    exact.toString("latin1").replace(/[A-Z]/g, (letter) => letter.toLowerCase()),
    "latin1",
  );
  return patterns.map(({ bytes, anyCase }) => (anyCase ? small : exact).indexOf(bytes));
};

/** Few different bytes, so that patterns repeat and overlap themselves and each other; capitals, and bytes that differ from others only as capitals do. */
const fewBytes = fc.constantFrom(0, 1, 0x21, 0x40, 0x41, 0x5a, 0x5b, 0x60, 0x61, 0x7a, 0x7b, 0xc1, 0xe1);
const anyByte = fc.integer({ min: 0, max: 255 });
const bytesOf = (byte: fc.Arbitrary<number>, minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.array(byte, { minLength, maxLength, size: "max" }).map((bytes) => Uint8Array.from(bytes));
const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const patternOf = (byte: fc.Arbitrary<number>): fc.Arbitrary<Pattern> =>
  fc.record({ bytes: bytesOf(byte, 1, 70), anyCase: fc.boolean() }).map(({ bytes, anyCase }) => ({
    bytes: anyCase ? bytes.map((one) => (isCapital(one) ? one + 0x20 : one)) : bytes,
    anyCase,
  }));

/** Patterns, and a content in which some of them stand, whole or in part, in either case. */
const hidden = (byte: fc.Arbitrary<number>) =>
  fc.array(patternOf(byte), { minLength: 1, maxLength: 8 }).chain((patterns) => {
    const spelled = fc.tuple(fc.constantFrom(...patterns), fc.nat(2), fc.nat(2), fc.boolean());
    const planted = spelled.map(([{ bytes }, before, after, isLarge]) => {
      const part = bytes.subarray(before === 0 ? 1 : 0, bytes.length - (after === 0 ? 1 : 0));
      return isLarge ? part.map((one) => (one >= 0x61 && one <= 0x7a ? one - 0x20 : one)) : part;
    });
    const pieces = fc.array(fc.oneof(planted, bytesOf(byte, 0, 40)), { maxLength: 12 });
    return pieces.map((parts) => ({ patterns, content: Uint8Array.from(Buffer.concat(parts)) }));
  });

test.each([
  ["of few different bytes", fewBytes],
  ["of any bytes", anyByte],
])("finds the first place of every pattern, as a pass for each of them does: %s", (_, byte) => {
  let found = 0;
  fc.assert(
    fc.property(hidden(byte), ({ patterns, content }) => {
      const expected = plainly(patterns, content);
      found += expected.filter((place) => place !== -1).length;
      expect(searchFor(patterns)(content)).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
  expect(found).toBeGreaterThan(1000);
});

test("finds a pattern at every place of a part of a buffer, and never one of which a part is outside", () => {
  const pattern = { bytes: Uint8Array.from({ length: 32 }, (_, index) => (index < 4 ? 0 : index)), anyCase: false };
  const other = { bytes: new Uint8Array(70).fill(9), anyCase: true };
  const find = searchFor([other, pattern]);
  for (let place = 0; place <= 100; place++) {
    const whole = Buffer.alloc(150, 255).fill(pattern.bytes, place + 5, place + 5 + 32);
    expect(find(whole.subarray(5, 5 + place + 32))).toEqual([-1, place]);
    expect(find(whole.subarray(5, 5 + place + 31))).toEqual([-1, -1]);
    for (const cut of [1, 2, 3, 4]) expect(find(whole.subarray(5 + place + cut))).toEqual([-1, -1]);
  }
});

test("of a pattern that stands in places that overlap, finds the first", () => {
  const find = searchFor([{ bytes: new Uint8Array(32), anyCase: false }]);
  for (let place = 0; place <= 60; place++) expect(find(Buffer.alloc(200).fill(255, 0, place))).toEqual([place]);
});

test("of nothing finds nothing", () => {
  expect(searchFor([])(Buffer.from("anything"))).toEqual([]);
  expect(searchFor([{ bytes: Buffer.alloc(16), anyCase: false }])(new Uint8Array())).toEqual([-1]);
});
