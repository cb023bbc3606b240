import fc from "fast-check";
import { expect, test } from "vitest";
import { needless } from "../../host/bundles.js";

const hash = (n: number): string => `0x${String(n).repeat(64)}`;
const hour = 3_600_000;
const nothing = { named: new Set<string>(), units: [], now: 10 + hour };

test("bundles before ours that nobody names go; ours, named ones, and what was put since stay", () => {
  const bundles = [1, 2, 3, 4, 5].map((n) => ({ hash: hash(n), at: n }));
  const gone = needless(bundles, {
    named: new Set([hash(2)]),
    own: hash(4),
    units: [`exec /h/bundles/${hash(3)}/node`],
    now: 10 + hour,
  });
  expect(gone).toEqual([hash(1)]);
});

test("one that was put within the hour stays, since another stack may be about to name it", () => {
  const bundles = [1, 2, 3].map((n) => ({ hash: hash(n), at: n * 1_000 }));
  const at = (now: number) => needless(bundles, { ...nothing, own: hash(3), now });
  expect(at(4_000)).toEqual([]);
  expect(at(1_000 + hour)).toEqual([]);
  expect(at(1_001 + hour)).toEqual([hash(1)]);
  expect(at(100_000 + hour)).toEqual([hash(1), hash(2)]);
});

test("nothing goes for a program that is run from elsewhere", () =>
  expect(needless([{ hash: hash(1), at: 1 }], { ...nothing, own: "dist" })).toEqual([]));

test("what runs, is named, or is newer never goes", () =>
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.record({ hash: fc.integer({ min: 1, max: 9 }).map(hash), at: fc.nat(5) }), {
        selector: (one) => one.hash,
      }),
      fc.array(fc.integer({ min: 1, max: 9 }).map(hash)),
      fc.integer({ min: 1, max: 9 }).map(hash),
      (bundles, named, own) => {
        const gone = needless(bundles, { named: new Set(named), own, units: [], now: hour + 3 });
        const mine = bundles.find((one) => one.hash === own);
        for (const one of gone) {
          expect([own, ...named]).not.toContain(one);
          expect(bundles.find((other) => other.hash === one)!.at).toBeLessThanOrEqual(Math.min(mine!.at, 2));
        }
      },
    ),
  ));
