import type { BlockTime } from "../schema/units.js";
import { abridged } from "./abridged.js";
import { free, waitFor, type PricedStep, type Steps } from "./steps.js";
import type { JobStanding, Observed, Step } from "./types.js";

/** Most jobs in one release: the contract has no limit but gas (contracts reference §4.7). */
export const releaseBatch = 50;

/** Whether `releaseJobs` takes the job now. One that is not yet releasable would revert the whole batch. */
export const isReleasable = (job: JobStanding, { at }: Observed): boolean =>
  job.releasableAt !== null && job.releasableAt <= at.time;

/** When a job that nobody will answer can be ended without a slash. One that somebody may still answer never is. */
const settledAt = (job: JobStanding, { server }: Observed): BlockTime | null =>
  server === "gone" && job.releasableAt === null ? job.noFaultAt : null;

const isSettleable = (job: JobStanding, observed: Observed): boolean => {
  const time = settledAt(job, observed);
  return time !== null && time <= observed.at.time;
};

/**
 * What it takes until none of these jobs counts any more: release those whose dispute window has passed, settle those that nobody will answer, and wait for the others.
 * @param unknown how many more jobs the contract counts than are known here
 */
export function releases(make: Steps, jobs: readonly JobStanding[], unknown: number, observed: Observed): PricedStep[] {
  const ready = jobs.filter((job) => isReleasable(job, observed));
  const stuck = jobs.filter((job) => isSettleable(job, observed));
  const left = jobs.filter((job) => !isReleasable(job, observed) && !isSettleable(job, observed));
  const waits: Step[] = [];
  if (ready.length + stuck.length > 0 && observed.rules.paused.jobs)
    waits.push(waitFor({ kind: "change", of: "pause" }, "the network's JobRegistry is paused"));
  const batches = Array.from({ length: Math.ceil(ready.length / releaseBatch) }, (_, index) =>
    make.release(ready.slice(index * releaseBatch, (index + 1) * releaseBatch).map((job) => job.id)),
  );
  const rest = [
    ...(left.length > 0 ? [waitForJobs(left, observed)] : []),
    ...(unknown > 0 ? [waitForUnknown(unknown)] : []),
  ];
  return [...waits.map(free), ...batches, ...stuck.map((job) => make.settle(job.id)), ...rest.map(free)];
}

/** Until the next job can be released, or, where that depends on others, until something about the jobs changes. */
function waitForJobs(jobs: readonly JobStanding[], observed: Observed): Step {
  const [first, ...others] = jobs.flatMap((job) => job.releasableAt ?? settledAt(job, observed) ?? []);
  const because = abridged(jobs.map((job) => `job ${job.id} ${standingOf(job, observed)}`));
  if (first === undefined) return waitFor({ kind: "change", of: "jobs" }, because);
  const time = others.reduce((earliest, other) => (other < earliest ? other : earliest), first);
  return waitFor({ kind: "time", time }, because);
}

const waitForUnknown = (unknown: number): Step =>
  waitFor({ kind: "change", of: "jobs" }, `the contract counts ${unknown} job(s) that are not known here`);

function standingOf(job: JobStanding, { at, server }: Observed): string {
  if (job.releasableAt !== null) return `can be disputed until ${iso(job.releasableAt)}`;
  switch (job.state) {
    case "Submitted":
    case "Acknowledged": {
      if (server === "gone" && job.noFaultAt !== null)
        return `was not answered by ${iso(job.deadline)}, and is settled without a slash from ${iso(job.noFaultAt)} unless somebody is quicker`;
      if (job.deadline < at.time)
        return `passed its deadline at ${iso(job.deadline)} and waits for somebody to settle it`;
      const by = `is to be ${job.state === "Submitted" ? "acknowledged" : "answered"} by ${iso(job.deadline)}`;
      return server === "serving" ? by : `${by}, and nobody serves it`;
    }
    case "Disputed":
      return "is disputed";
    default:
      return `is in state ${job.state}`;
  }
}

const iso = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString().replace(".000", "");
