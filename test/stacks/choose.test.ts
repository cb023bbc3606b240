import type * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const configOf = (kind: string): pulumi.Config => ({ get: () => kind }) as unknown as pulumi.Config;

/** What the engine is asked, which knows none of it. */
const asked: string[] = [];
beforeEach(() => void (asked.length = 0));

/** Runs a stack's program as the chosen one. */
async function choose(devnet: () => Record<string, unknown>, kind = "devnet"): Promise<Record<string, unknown>> {
  vi.resetModules();
  vi.doMock("../../stacks/devnet.js", () => ({ devnet }));
  const { runtime } = await import("@pulumi/pulumi");
  vi.spyOn(runtime, "invoke").mockImplementation((token) => {
    asked.push(token);
    return Promise.reject(new Error("unknown function"));
  });
  const { chooseStack } = await import("../../stacks/choose.js");
  return chooseStack(configOf(kind));
}
afterEach(() => {
  vi.restoreAllMocks(); // Pulumi's own library is the other files' too
  vi.doUnmock("../../stacks/devnet.js");
});

test("the providers' process is started before a stack's program makes anything, and for no stack of an unknown kind", async () => {
  expect(await choose(() => ({ asked: [...asked] }))).toEqual({ asked: ["pulumi-nodejs:dynamic:nothing"] });
  asked.length = 0;
  await expect(choose(() => ({}), "other")).rejects.toThrow("LF1553");
  expect(asked).toEqual([]);
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
