import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { candidates } from "../../../../../components/host/aws/preflight/candidates.js";
import { describeCost, rootGibOf } from "../../../../../components/host/aws/preflight/cost.js";
import { wei } from "../../../../../schema/units.js";
import { factsOf, region, workerOf, zones } from "./ground.js";

const tried = (...args: Parameters<typeof candidates>): string[] =>
  candidates(...args).map(({ type, zone }) => `${type} ${zone?.replace(region, "") ?? "anywhere"}`);

describe("what is tried", () => {
  const both = workerOf("home", { types: ["g6.xlarge", "g4dn.xlarge"] });

  test("is the preferred type first, in every zone that offers it", () => {
    const offers = { known: { "g4dn.xlarge": [`${region}a`], "g6.xlarge": zones } };
    const all = tried(both, factsOf({ offers }));
    expect(all.slice(0, 3).sort()).toEqual(["g6.xlarge a", "g6.xlarge b", "g6.xlarge c"]);
    expect(all.slice(3)).toEqual(["g4dn.xlarge a"]);
  });

  test("leaves out a type that does not hold the models, and one without an image", () => {
    const worker = workerOf("home", { types: ["g4dn.xlarge", "g5g.xlarge", "g6e.xlarge"] }, ["llama3-70b"]);
    expect(new Set(candidates(worker, factsOf()).map(({ type }) => type))).toEqual(new Set(["g6e.xlarge"]));
    const arm = workerOf("home", { types: ["g5g.xlarge", "g4dn.xlarge"] });
    const images = { arm64: { known: null }, x64: { known: "ami-12345678" } };
    expect(new Set(candidates(arm, factsOf({ images })).map(({ type }) => type))).toEqual(new Set(["g4dn.xlarge"]));
  });

  test("is where spot is cheapest first, and where its price is not known last", () => {
    const spotPrices = { known: { "g4dn.xlarge": { [`${region}c`]: 0.2, [`${region}a`]: 0.3 } } };
    expect(tried(workerOf("home", { spot: true }), factsOf({ spotPrices }))).toEqual([
      "g4dn.xlarge c",
      "g4dn.xlarge a",
      "g4dn.xlarge b",
    ]);
  });

  test("is no zone of a city or a carrier, unless it was named", () => {
    const city = `${region}-lax-1a`;
    const offers = { known: { "g4dn.xlarge": [city, `${region}a`] } };
    expect(candidates(workerOf("home"), factsOf({ offers })).map(({ zone }) => zone)).toEqual([`${region}a`]);
    expect(candidates(workerOf("home", { zones: [city] }), factsOf({ offers })).map(({ zone }) => zone)).toEqual([
      city,
    ]);
  });

  test("is what was named, where AWS may not be asked", () => {
    const offers = { denied: "ec2:DescribeInstanceTypeOfferings" };
    expect(tried(both, factsOf({ offers }))).toEqual(["g6.xlarge anywhere", "g4dn.xlarge anywhere"]);
    expect(tried(workerOf("home", { zones: [`${region}b`] }), factsOf({ offers }))).toEqual(["g4dn.xlarge b"]);
  });

  test("is the same each time for a worker, and begins for a fleet in every zone", () => {
    const first = (name: string) => candidates(workerOf(name), factsOf())[0]!.zone!;
    const fleet = Array.from({ length: 60 }, (_, index) => first(`worker-${index}`));
    for (const zone of zones) expect(fleet.filter((one) => one === zone).length).toBeGreaterThan(10);
    expect(Array.from({ length: 60 }, (_, index) => first(`worker-${index}`))).toEqual(fleet);
  });

  test("is each pair once, none that is not offered or was not named, types in the order they were named", () => {
    const some = fc.subarray(zones);
    const names = ["g4dn.xlarge", "g6.xlarge", "g5g.xlarge"];
    const offers = fc.record(Object.fromEntries(names.map((name) => [name, some])));
    const stated = fc.shuffledSubarray(names, { minLength: 1 });
    const wanted = fc.option(fc.subarray(zones, { minLength: 1 }), { nil: undefined });
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        stated,
        wanted,
        offers,
        fc.boolean(),
        (name, types, where, known, spot) => {
          const worker = workerOf(name, { types, spot, ...(where === undefined ? {} : { zones: where }) });
          const all = candidates(worker, factsOf({ offers: { known } }));
          const expected = types.flatMap((type) =>
            known[type]!.filter((zone) => where?.includes(zone) ?? true).map((zone) => `${type} ${zone}`),
          );
          expect(all.map(({ type, zone }) => `${type} ${zone}`).sort()).toEqual(expected.sort());
          const order = all.map(({ type }) => types.indexOf(type));
          expect(order).toEqual([...order].sort());
        },
      ),
    );
  });
});

describe("what a preview says of costs", () => {
  const fee = { "llama3-8b": wei(20_000_000_000_000_000n) };

  test("is rent, disks and fees", () =>
    expect(describeCost(workerOf("home"), factsOf(), fee)).toBe(
      "g4dn.xlarge 0.526 USD an hour, 384 a month (on demand, us-east-1, 2026-07-20), " +
        "disks of 110 + 4 GiB 9.12 USD a month, stopped too (gp3, us-east-1, 2026-07-20), " +
        "fees at 1 / 10 / 60 jobs an hour (LCAI): llama3-8b 0.02 a job, 0.48 / 4.8 / 28.8 a day",
    ));

  test("is for spot today's price where it is tried first", () => {
    const spotPrices = { known: { "g4dn.xlarge": { [`${region}b`]: 0.2 } } };
    expect(describeCost(workerOf("home", { spot: true }), factsOf({ spotPrices }), {})).toMatch(
      /^g4dn\.xlarge 0\.2 USD an hour, 146 a month \(spot, eu-test-1b, now\), disks/,
    );
    expect(describeCost(workerOf("home", { spot: true }), factsOf(), {})).toMatch(/^g4dn\.xlarge for what spot costs/);
  });

  test("names no fee where the network has none", () =>
    expect(describeCost(workerOf("home"), factsOf(), { "llama3-8b": null })).not.toContain("fees"));

  test("counts the weights into the root disk, unless it was named", () => {
    expect(rootGibOf(workerOf("home", {}, ["llama3-70b"]))).toBe(140);
    expect(rootGibOf(workerOf("home", { rootGiB: 60 }))).toBe(60);
  });
});
