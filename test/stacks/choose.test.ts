import type * as pulumi from "@pulumi/pulumi";
import { afterEach, expect, test, vi } from "vitest";

const config = { get: () => "devnet" } as unknown as pulumi.Config;

/** Runs a stack's program as the chosen one. */
async function choose(devnet: () => Record<string, unknown>): Promise<Record<string, unknown>> {
  vi.resetModules();
  vi.doMock("../../stacks/devnet.js", () => ({ devnet }));
  const { chooseStack } = await import("../../stacks/choose.js");
  return chooseStack(config);
}
afterEach(() => {
  vi.doUnmock("../../stacks/devnet.js");
});

/** What Pulumi pays for, several times for each property of each resource. */
const framesHere = (): number =>
  (new Error("here").stack ?? "").split("\n").filter((line) => /^ +at /.test(line)).length;

test("traces are short while resources are made, and as long as before afterwards", async () => {
  const before = Error.stackTraceLimit;
  expect(before).toBeGreaterThan(3);
  expect(await choose(() => ({ frames: framesHere() }))).toEqual({ frames: 3 });
  expect(Error.stackTraceLimit).toBe(before);
});

test("a bug in a program is shown from where it is, and traces are as long as before then too", async () => {
  const before = Error.stackTraceLimit;
  const bug = (): never => {
    throw new TypeError("a bug");
  };
  const error = await choose(() => ({ made: bug() })).catch((thrown: unknown) => thrown as Error);
  expect((error as Error).stack).toMatch(/^TypeError: a bug\n +at bug /);
  expect(Error.stackTraceLimit).toBe(before);
});
