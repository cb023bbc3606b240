import { describe, expect, test } from "vitest";
import type { Engine } from "../../../scripts/ops/engine.js";
import { stateOf } from "../../../scripts/ops/pending.js";
import { inspect, planRepair, readyToDestroy, type RepairStep } from "../../../scripts/ops/repair.js";

test.each<[wreckage: string, deadLocks: number, creating: string[], steps: RepairStep[]]>([
  ["nothing", 0, [], []],
  ["a lock", 1, [], ["cancel"]],
  ["a create", 0, ["home-keys"], ["up", "forget creates"]],
  ["both", 2, ["home-keys"], ["cancel", "up", "forget creates"]],
])("%s is repaired in the right order", (_, deadLocks, creating, steps) =>
  expect(planRepair({ deadLocks, creating })).toEqual(steps),
);

const urn = (type: string, name: string) =>
  `urn:pulumi:devnet::p::lightchain:fleet:Worker$pulumi-nodejs:dynamic/lightchain:${type}::${name}`;

test("of a state it is read what is there, and what was being created", () => {
  const deployment = {
    pending_operations: [
      { type: "creating", resource: { urn: urn("Funding", "home-funding") } },
      { type: "deleting", resource: { urn: urn("Keys", "home-keys") } },
    ],
    resources: [
      { urn: "urn:pulumi:devnet::p::pulumi:pulumi:Stack::p-devnet" },
      { urn: urn("Keys", "home::keys"), outputs: { address: "0x1" } },
    ],
  };
  const { creating, resources } = stateOf(JSON.stringify({ version: 3, deployment }));
  expect(creating).toEqual(["home-funding"]);
  expect(resources.map(({ type, name, isOurs }) => [type, name, isOurs])).toEqual([
    ["Stack", "p-devnet", false],
    ["Keys", "home::keys", true],
  ]);
  expect(resources[1]!.outputs).toEqual({ address: "0x1" });
  expect(stateOf(JSON.stringify({ version: 3, deployment: {} }))).toEqual({ creating: [], resources: [] });
  expect(() => stateOf("{")).toThrow();
});

describe("a stack", () => {
  const asked: string[] = [];
  const stack = (holders: readonly ("alive" | "dead" | "elsewhere")[], creating: readonly string[]): Engine => ({
    stack: "s",
    ask: (...args) => Promise.resolve((asked.push(args.join(" ")), "")),
    attend: () => Promise.reject(new Error("nothing is run")),
    state: () => Promise.resolve({ creating, resources: [] }),
    mend: () => Promise.resolve([]),
    locks: () =>
      Promise.resolve(
        holders.map((holder) => ({ holder, pid: 7, username: "me", hostname: "h", timestamp: "2026-11-23T08:33:16Z" })),
      ),
  });

  test.each([
    ["whose other run lives", ["dead", "alive"] as const, "LF1602"],
    ["that is locked from elsewhere", ["elsewhere"] as const, "LF1603"],
  ])("%s is left alone", async (_, holders, code) => {
    await expect(inspect(stack(holders, []))).rejects.toMatchObject({ code });
    await expect(readyToDestroy(stack(holders, []), () => undefined)).rejects.toMatchObject({ code });
    expect(asked).toEqual([]);
  });

  test("in which a create is pending is not destroyed, and it is said what and what to do", async () => {
    const destroy = readyToDestroy(stack(["dead"], ["home-funding"]), () => undefined);
    await expect(destroy).rejects.toThrow(/LF1604.*home-funding.*fleet repair/);
    expect(asked).toEqual([]);
  });

  test("with a dead lock alone is freed and destroyed", async () => {
    await readyToDestroy(stack(["dead"], []), () => undefined);
    expect(asked).toEqual(["cancel --yes"]);
  });
});
