import { isRevert } from "../../abi/revert.js";
import { isReleasable } from "../../lifecycle/releases.js";
import { stepsOf } from "../../lifecycle/steps.js";
import type { JobStanding, Observed } from "../../lifecycle/types.js";
import { describeError } from "../../schema/errors.js";
import { later, type JobId } from "../../schema/units.js";
import { type Loop, startLoop } from "../../system/loop.js";
import type { JobRow } from "../journal.js";
import type { Parts } from "../parts.js";
import { dueForRelease } from "./due.js";

/** Nothing is tried for this long after a release met a paused contract, in ms (sidecar reference §6.7). */
const afterPauseMs = 3_600_000;

/** Releases completed jobs once their dispute window has passed; only then is their fee ours. */
export interface Settlement {
  hurry(): void;
  start(): void;
  stop(): Promise<void>;
}

/** What the settlement asks of the rest of the sidecar. */
export interface SettlementPolicy {
  /** While leaving, the lifecycle releases by itself, at the first moment each. */
  releasesHere(): boolean;
  generation(): number;
  observe(): Promise<Observed>;
}

/** Releases what may be released, a few at a time. */
export function createSettlement(parts: Parts, policy: SettlementPolicy): Settlement {
  const { ports, journal, settings, clock, log, metrics } = parts;
  let loop: Loop | undefined;
  let notBeforeMs = 0;

  /** Follows each completed job of the journal to its end on chain, whoever released it. */
  const follow = async (row: JobRow, observed: Observed): Promise<void> => {
    const job = await ports.chain.job(row.id).catch((error: unknown) => {
      if (isRevert(error, "JobNotFound")) return undefined;
      throw error;
    });
    if (job === undefined) return; // a reorganisation took it back; the others do not wait for it
    const over = job.state === "Resolved" && job.escrowedFee === 0n;
    if (job.state === "Released") return journal.advance(row.id, "released");
    if (job.state === "TimedOut" || over) {
      metrics.releaseDropped.inc({ reason: over ? "resolved_zero_escrow" : "terminal_state" });
      return journal.advance(row.id, "lost", { cause: `the chain has it as ${job.state}` });
    }
    if (row.state !== "completed" || job.completedAt === null || job.state === "Disputed") return;
    if (job.state === "Resolved" || later(job.completedAt, observed.rules.disputeWindow) <= observed.at.time)
      journal.advance(row.id, "releasable");
  };

  const release = async (due: readonly JobId[], observed: Observed, signal: AbortSignal): Promise<void> => {
    const { step } = stepsOf(observed, policy.generation()).release(due);
    if (!("purpose" in step)) return;
    const { purpose, to, data, value } = step;
    const mined = await ports.transactions.send({ purpose, to, data, value }, signal, "settlement");
    if (mined.status === "reverted") return metrics.releaseFailed.inc(due.length);
    metrics.released.inc(due.length);
    metrics.releaseSuccess.set(clock.now() / 1_000);
    log.info({ jobs: due.map(String) }, "jobs released");
  };

  const round = async (signal: AbortSignal): Promise<void> => {
    const rows = journal.openJobs().filter(({ state }) => state === "completed" || state === "releasable");
    metrics.releasePending.set(rows.length);
    if (rows.length === 0 && !policy.releasesHere()) return;
    const observed = await policy.observe();
    for (const row of rows) await follow(row, observed);
    if (!policy.releasesHere() || clock.now() < notBeforeMs) return;
    if (observed.rules.paused.jobs) {
      metrics.releasePauses.inc();
      notBeforeMs = clock.now() + afterPauseMs;
      return log.warn("JobRegistry is paused; releases wait an hour");
    }
    const ready = observed.jobs.filter((job: JobStanding) => isReleasable(job, observed));
    const due = dueForRelease(ready, observed.at.time, settings.services);
    if (due.length === 0) return;
    await release(due, observed, signal);
    for (const row of rows) await follow(row, observed);
  };

  return {
    hurry: () => loop?.trigger(),
    start: () => {
      loop ??= startLoop({
        round,
        pauseMs: settings.services.releaseProbeMs,
        clock,
        onError: (error) => log.warn({ reason: describeError(error) }, "settlement failed; trying again"),
      });
    },
    stop: async () => loop?.stop(),
  };
}
