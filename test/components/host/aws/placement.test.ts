import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { awsMachineSchema } from "../../../../components/host/aws/args.js";
import { thatRuns } from "../../../../components/host/aws/host.js";
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

describe("a bundle for one kind of machine", () => {
  const folder = mkdtempSync(join(tmpdir(), "fl-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const machine = awsMachineSchema.parse({ types: ["g5g.xlarge", "g6.xlarge"] });
  const bundleFor = (platform: string | null): string => {
    const manifest = { version: 1, hash: `0x${"ab".repeat(32)}`, fleet: "0", node: "v24.0.0", platform, files: {} };
    writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
    return folder;
  };

  test("keeps types of that kind, in their order", () => {
    expect(thatRuns(bundleFor("linux-x64"), machine, "h").types).toEqual(["g6.xlarge"]);
    expect(thatRuns(bundleFor("linux-arm64"), machine, "h").types).toEqual(["g5g.xlarge"]);
    expect(thatRuns(bundleFor(null), machine, "h").types).toEqual(machine.types);
  });

  test("for none of the types is refused before anything is made", () => {
    const arm = awsMachineSchema.parse({ types: ["g5g.xlarge"] });
    expect(() => thatRuns(bundleFor("linux-x64"), arm, "h")).toThrow(/^LF1804: Host h: .* linux-x64, and g5g\.xlarge/);
  });
});
