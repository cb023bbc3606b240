import { expect, test } from "vitest";
import { isHealthy } from "../../host/container/health.js";
import type { UnitStatus } from "../../host/services/unit.js";

const status = (state: UnitStatus["state"]): UnitStatus => ({ state, pid: null, lastExit: null });

test.each<[what: string, units: Record<string, UnitStatus | undefined>, healthy: boolean]>([
  ["nothing is to run yet", {}, true],
  ["everything runs", { a: status("running"), b: status("running") }, true],
  ["one waits to be started again", { a: status("running"), b: status("backing-off") }, false],
  ["one refused to run as it is configured", { a: status("refused") }, false],
  ["nobody knows of one", { a: undefined }, false],
])("a container where %s is healthy: %j → %s", async (_, units, healthy) => {
  expect(await isHealthy(Object.keys(units), (name) => Promise.resolve(units[name]))).toBe(healthy);
});
