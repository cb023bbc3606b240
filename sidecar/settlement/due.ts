import type { JobStanding } from "../../lifecycle/types.js";
import type { Settings } from "../../schema/settings.js";
import type { BlockTime, JobId } from "../../schema/units.js";

type Rules = Pick<Settings["services"], "releaseBatchThreshold" | "releaseIntervalMs" | "releaseMaxBatch">;

/**
 * Which of the releasable jobs are released now: none until there are enough of them to share a transaction's cost, or the oldest has waited for the
 * interval; then as many as fit into one, oldest first. Source: sidecar reference §6.7.
 */
export function dueForRelease(ready: readonly JobStanding[], now: BlockTime, rules: Rules): readonly JobId[] {
  const waits = ready.map(({ releasableAt }) => (releasableAt === null ? 0 : Number(now - releasableAt) * 1_000));
  const longest = Math.max(0, ...waits);
  if (ready.length < rules.releaseBatchThreshold && longest < rules.releaseIntervalMs) return [];
  const oldestFirst = [...ready].sort((a, b) => (a.id < b.id ? -1 : 1));
  return oldestFirst.slice(0, rules.releaseMaxBatch).map(({ id }) => id);
}
