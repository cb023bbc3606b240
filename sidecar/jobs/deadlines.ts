import type { Job } from "../../abi/job.js";
import type { Settings } from "../../schema/settings.js";

/** What may still be begun, given how much time the chain's clock leaves. All in ms. */
export type Reserves = Pick<Settings["jobs"], "settleReserveMs" | "completionReserveMs" | "minInferenceBudgetMs">;

/**
 * Whether a job that is already acknowledged leaves the model enough time to begin (sidecar reference §3.8, stage 0).
 * @param leftMs until the job's deadline
 */
export const leavesTimeForModel = (leftMs: number, reserves: Reserves): boolean =>
  leftMs > reserves.settleReserveMs + reserves.minInferenceBudgetMs;

/** Whether an answer that is there can still be settled (stage 8a). */
export const leavesTimeToSettle = (leftMs: number, reserves: Reserves): boolean =>
  leftMs > reserves.completionReserveMs;

/**
 * How long the checks before an acknowledgement may go on before it is sent without them, in ms before the deadline: at most half of the window, and at
 * most its whole budget, because a missed acknowledgement is an offence too.
 */
export function acknowledgementMarginMs(job: Pick<Job, "submittedAt" | "deadline">, ackTimeoutMs: number): number {
  const windowMs = Number(job.deadline - job.submittedAt) * 1_000;
  return Math.min(ackTimeoutMs, windowMs / 2);
}
