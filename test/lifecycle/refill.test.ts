import { describe, expect, test } from "vitest";
import { gasBound, gasCost } from "../../lifecycle/gas.js";
import { plan } from "../../lifecycle/plan.js";
import { refill } from "../../lifecycle/refill.js";
import type { Observed } from "../../lifecycle/types.js";
import { wei } from "../../schema/units.js";
import { completed, gemma, gwei, lcai, llama, nobody, serving, workerWith } from "./situations.js";

const { rules } = nobody();
const cost = gasCost(gasBound("withdraw"), gwei);
const steps = (observed: Observed, desired = serving): string[] => plan(desired, observed).steps.map((step) => step.do);

describe("a worker withdraws its earnings", () => {
  const low = { balance: lcai("4.9"), earnings: lcai("1") };
  test.each<[what: string, different: Partial<Observed>, withdrawn: boolean]>([
    ["once its reserve is half used", {}, true],
    ["not before", { balance: lcai("5") }, false],
    ["where that costs a hundredth of them", { earnings: wei(100n * cost) }, true],
    ["not where it costs more", { earnings: wei(100n * cost - 1n) }, false],
    ["not without any, though gas is free", { earnings: wei(0n), gasPrice: 0n }, false],
    ["not without the gas for it", { balance: wei(cost - 1n) }, false],
    ["not while the contract is paused", { rules: { ...rules, paused: { workers: false, jobs: true } } }, false],
  ])("%s", (_, different, withdrawn) => {
    const observed = workerWith({ ...low, ...different });
    expect(refill(observed, serving.gasReserve)).toBe(withdrawn ? observed.earnings : 0n);
    expect(steps(observed)).toEqual(withdrawn ? ["withdraw"] : []);
  });

  test("first where nothing else can be paid without, else after what can be done at once", () => {
    const both = { ...serving, models: [llama, gemma] };
    expect(steps(workerWith({ balance: wei(cost), earnings: lcai("1") }), both)).toEqual(["withdraw", "addModel"]);
    expect(steps(workerWith({ balance: wei(cost), earnings: wei(100n * cost) }, { stake: lcai("4990") }))).toEqual([
      ...["withdraw", "wait", "topUp"],
    ]);
    expect(steps(workerWith(low), both)).toEqual(["addModel", "withdraw"]);
    expect(steps(workerWith({ ...low, rehearsed: false }))).toEqual(["rehearse", "withdraw"]);
    const leavingModel = workerWith({ ...low, jobs: [completed(1, 3)] }, { models: [llama, gemma], activeJobs: 1n });
    expect(steps(leavingModel, { ...serving, models: [gemma] })).toEqual(["withdraw", "wait", "removeModel"]);
  });

  test("for a stake that is added to out of the reserve, too", () => {
    const raised = workerWith({ balance: lcai("9"), earnings: lcai("100") }, { stake: lcai("4950") });
    expect(steps(raised)).toEqual(["withdraw", "topUp"]);
    expect(plan(serving, raised).money.shortfall).toBe(0n);
  });
});

test("the treasury sends what the earnings do not fill up", () => {
  const shortfall = (earnings: string, stake = "5000") =>
    plan(serving, workerWith({ balance: lcai("4"), earnings: lcai(earnings) }, { stake: lcai(stake) })).money.shortfall;
  expect(shortfall("0")).toBe(lcai("6"));
  expect(shortfall("0.5")).toBe(lcai("5.5"));
  expect(shortfall("1")).toBe(0n); // half of it is there then
  expect(shortfall("0.5", "4990")).toBe(lcai("15.5"));
});

test("what an earlier try to join used of the reserve is no reason to move money", () => {
  const shortfall = (balance: string) => plan(serving, nobody({ balance: lcai(balance) })).money.shortfall;
  expect(shortfall("5009.9")).toBe(0n);
  expect(shortfall("5005")).toBe(0n);
  expect(shortfall("5004.9")).toBe(lcai("5.1"));
});

test("a stake that is added to out of the reserve leaves half of it, or the treasury sends both", () => {
  const shortfall = (stake: string) => plan(serving, workerWith({}, { stake: lcai(stake) })).money.shortfall;
  expect(shortfall("4995")).toBe(0n);
  expect(shortfall("4994")).toBe(lcai("6"));
  expect(shortfall("4900")).toBe(lcai("100"));
});
