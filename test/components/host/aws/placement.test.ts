import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { candidates, type Candidate } from "../../../../components/host/aws/candidates.js";
import { awsMachineSchema } from "../../../../components/host/aws/args.js";
import { rootGiB } from "../../../../components/host/aws/host.js";
import { mountScript, unmountScript } from "../../../../components/host/aws/journal-disk-provider.js";
import { userData } from "../../../../components/host/aws/user-data.js";
import { subnetRange } from "../../../../components/host/aws/vpc.js";

const offered: Candidate[] = ["a", "b", "c"].flatMap((letter) => [
  { type: "g6.xlarge", zone: `eu-central-1${letter}` },
  ...(letter === "b" ? [] : [{ type: "g5.xlarge", zone: `eu-central-1${letter}` }]),
]);

describe("what is tried for a machine", () => {
  test("is the preferred type in each of its zones, then the next", () => {
    const tried = candidates("home-host", ["g5.xlarge", "g6.xlarge"], null, offered);
    expect(tried.map(({ type }) => type)).toEqual([
      ...Array<string>(2).fill("g5.xlarge"),
      ...Array<string>(3).fill("g6.xlarge"),
    ]);
    expect(new Set(tried.map(({ type, zone }) => `${type} ${zone}`)).size).toBe(5);
  });

  test("is nothing where no wanted zone offers it", () => {
    expect(candidates("home-host", ["g5.xlarge"], ["eu-central-1b"], offered)).toEqual([]);
  });

  test("is the same each time, offered and wanted only, whatever the order in which AWS lists it", () => {
    const zones = fc.option(fc.uniqueArray(fc.constantFrom("eu-central-1a", "eu-central-1b", "eu-central-1c")));
    fc.assert(
      fc.property(fc.string(), zones, fc.shuffledSubarray(offered, { minLength: 5 }), (host, wanted, listed) => {
        const tried = candidates(host, ["g6.xlarge", "g5.xlarge"], wanted, listed);
        expect(tried).toEqual(candidates(host, ["g6.xlarge", "g5.xlarge"], wanted, offered));
        for (const one of tried) {
          expect(offered).toContainEqual(one);
          if (wanted !== null) expect(wanted).toContain(one.zone);
        }
      }),
    );
  });

  test("begins in different zones for different hosts, so that a fleet spreads", () => {
    const first = Array.from({ length: 30 }, (_, at) => candidates(`w${at}`, ["g6.xlarge"], null, offered)[0]?.zone);
    expect(new Set(first).size).toBe(3);
  });
});

describe("an operator's words for a machine", () => {
  test("need a type that is known here", () => {
    expect(awsMachineSchema.safeParse({ types: ["t3.micro"] }).success).toBe(false);
    expect(awsMachineSchema.safeParse({ types: [] }).success).toBe(false);
    expect(awsMachineSchema.safeParse({ types: ["g6.xlarge"], typo: 1 }).success).toBe(false);
  });
  test("may leave out the rest", () => {
    expect(awsMachineSchema.parse({ types: ["g6.xlarge"] })).toEqual({
      ...{ types: ["g6.xlarge"], spot: false, journalGiB: 4 },
    });
  });
});

test("a root disk holds the system and the models", () => {
  expect([rootGiB([]), rootGiB(["llama3-8b"]), rootGiB(["llama3-70b", "gpt-oss:120b"])]).toEqual([100, 110, 200]);
});

test("zones of one network have ranges of their own, whichever there are", () => {
  expect(["a", "b", "f"].map((letter) => subnetRange(77, `us-east-1${letter}`))).toEqual([
    ...["10.77.0.0/20", "10.77.16.0/20", "10.77.80.0/20"],
  ]);
});

test("user data is small, and the same whatever is made", () => {
  expect(Buffer.byteLength(userData)).toBeLessThan(1_024);
});

test("a journals' disk is known by its volume's name, and what a person chose is no part of a script", () => {
  expect(mountScript("vol-0123456789abcdef0", "/a'b").slice(-2)).toEqual(["vol0123456789abcdef0", "/a'b"]);
  expect(unmountScript("/a'b").at(-1)).toBe("/a'b");
});
