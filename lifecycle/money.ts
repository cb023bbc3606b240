import { formatEther } from "viem";
import { addWei, later, wei, type BlockTime, type Wei } from "../schema/units.js";
import { gasCost } from "./gas.js";
import type { JobStanding, Observed } from "./types.js";

/** An amount for a person, in LCAI, without a unit: `5000`, `0.016`. */
export const lcai = (amount: bigint): string => formatEther(amount);

/** All that is the worker's and comes back in the end: stake, earnings and balance, before gas. */
export const worth = (observed: Observed): Wei =>
  addWei(observed.registration?.stake ?? wei(0n), observed.earnings, observed.balance);

/** Whether a balance is worth moving: more than the move itself costs at most. */
export const isWorthSweeping = (balance: Wei, gasPrice: bigint, sweepGas: bigint): boolean =>
  balance > gasCost(sweepGas, gasPrice);

/**
 * First block time at which the worker could be gone, if it left now, every running job were completed at once, and no further one came; `null` when
 * there is nothing to leave, or when it depends on others (a dispute, a job past its deadline).
 */
export function earliestExit({ at, registration, jobs, rules }: Observed): BlockTime | null {
  if (registration === null) return null;
  const ends = jobs.map((job) => endOf(job, at.time, later(at.time, rules.disputeWindow)));
  if (registration.activeJobs > BigInt(jobs.length)) return null;
  return ends.reduce<BlockTime | null>((latest, end) => {
    if (latest === null || end === null) return null;
    return end > latest ? end : latest;
  }, at.time);
}

function endOf(job: JobStanding, now: BlockTime, ifCompletedNow: BlockTime): BlockTime | null {
  if (job.releasableAt !== null || job.noFaultAt !== null) return job.releasableAt ?? job.noFaultAt;
  const running = job.state === "Submitted" || job.state === "Acknowledged";
  return running && job.deadline >= now ? ifCompletedNow : null;
}
