import { beforeEach, expect, test } from "vitest";
import type { Observed, Registration } from "../../../lifecycle/types.js";
import { createGasWatch } from "../../../sidecar/lifecycle/gas-watch.js";
import type { Intent } from "../../../sidecar/lifecycle/intent.js";

let raised: string[];
beforeEach(() => void (raised = []));
const watch = () =>
  createGasWatch({
    ports: { alarm: { raise: (code: string) => void raised.push(code) } },
    identity: { worker: "0x01" },
  } as never);
const rules = { paused: { jobs: false } } as Observed["rules"];
const seen = (balance: bigint, isRegistered = true, earnings = 0n) =>
  ({ balance, earnings, gasPrice: 0n, rules, registration: isRegistered ? ({} as Registration) : null }) as Observed;
const serving = { kind: "serving", serving: { gasReserve: 50n } } as Intent;

test.each<[balance: number, isRegistered: boolean, intent: Intent, raised: number]>([
  [50, true, serving, 0],
  [25, true, serving, 0],
  [24, true, serving, 1],
  [0, true, serving, 1],
  [0, false, serving, 0], // it was not funded yet
  [0, true, { kind: "leaving", generation: 1 }, 0],
  [0, true, { kind: "nothing" }, 0],
])("with %s left of 50, registered: %s, so many alarms are raised (%#)", (balance, isRegistered, intent, count) => {
  watch().see(seen(BigInt(balance), isRegistered), intent);
  expect(raised).toHaveLength(count);
});

test("what it has earned and withdraws by itself is no reason to call anybody", () => {
  watch().see(seen(20n, true, 5n), serving);
  expect(raised).toEqual([]);
  watch().see(seen(20n, true, 4n), serving);
  expect(raised).toEqual(["LF1463"]);
});

test("it is told once, and again when it is low after it was filled up", () => {
  const gas = watch();
  for (const balance of [20n, 10n, 60n, 40n, 20n, 20n]) gas.see(seen(balance), serving);
  expect(raised).toEqual(["LF1463", "LF1463"]);
});
