import { readdir } from "node:fs/promises";
import type { UnitStatus } from "../services/unit.js";

/** Whether every unit that is to run does. Where there is none, there is nothing to be ill: the container waits for a worker. */
export async function isHealthy(
  units: readonly string[],
  statusOf: (unit: string) => Promise<UnitStatus | undefined>,
): Promise<boolean> {
  const states = await Promise.all(units.map(statusOf));
  return states.every((status) => status?.state === "running");
}

/** Names of the units that a supervisor's folder holds. */
export const writtenUnits = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => []))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length));
