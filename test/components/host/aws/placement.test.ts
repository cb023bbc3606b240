import { describe, expect, test } from "vitest";
import { awsMachineSchema } from "../../../../components/host/aws/args.js";
import { mountScript, unmountScript } from "../../../../components/host/aws/journal-disk-provider.js";
import { userData } from "../../../../components/host/aws/user-data.js";
import { subnetRange } from "../../../../components/host/aws/vpc.js";

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
