import { addWei, shortfall, wei, type Wei } from "../schema/units.js";
import { gasBound, gasCost } from "./gas.js";
import { isWorthSweeping, lcai, worth } from "./money.js";
import { isReleasable, releases } from "./releases.js";
import { costOf, draft, free, stepsOf, waitFor, type Draft, type PricedStep, type Steps } from "./steps.js";
import type { Desired, JobStanding, Observed } from "./types.js";

type Gone = Extract<Desired, { kind: "gone" }>;

/**
 * The way out: release what can be released, wait for the rest, withdraw, deregister, sweep. Leaving has no unbonding time of its own; what it
 * waits for are the dispute windows of completed jobs, because a worker with active jobs cannot deregister (contracts reference §4.1, §4.2).
 */
export function planGone(desired: Gone, observed: Observed): Draft {
  const make = stepsOf(observed, desired.generation);
  const settling = settle(make, observed);
  const leaving = deregistration(make, observed);
  const paid = settling.some(({ step }) => step.do === "release" || step.do === "wait");
  const withdrawing = withdrawal(make, observed, paid);

  // Where JobRegistry is paused, the stake need not wait for the earnings.
  const stakeFirst = observed.rules.paused.jobs && observed.registration?.activeJobs === 0n;
  const before = stakeFirst ? [...leaving, ...settling, ...withdrawing] : [...settling, ...withdrawing, ...leaving];
  const sweeping = sweep(make, desired, observed, before);
  const steps = [...before, ...sweeping];
  const gas = costOf(steps, observed.gasPrice);
  const money = { gas, shortfall: gasShortfall(steps, observed) };
  const plain = steps.map(({ step }) => step);
  if (!isStuck(steps, observed)) return draft(plain, money);
  const because = `${lcai(money.shortfall)} LCAI are missing at ${observed.worker} for the gas to leave`;
  return draft([waitFor({ kind: "change", of: "funds" }, because), ...plain], money);
}

/** Until no job of ours counts any more. After leaving, only jobs that may still pay matter. */
function settle(make: Steps, observed: Observed): PricedStep[] {
  const { registration, jobs } = observed;
  if (registration === null) return releases(make, jobs.filter(mayStillPay), 0, observed);
  if (registration.activeJobs === 0n) {
    const ready = jobs.filter((job) => isReleasable(job, observed));
    return releases(make, ready, 0, observed);
  }
  const unknown = Number(registration.activeJobs) - jobs.length;
  return releases(make, jobs, Math.max(unknown, 0), observed);
}

const mayStillPay = (job: JobStanding): boolean =>
  job.escrow > 0n && job.state !== "Submitted" && job.state !== "Acknowledged";

/** Earnings are left behind only when fetching them costs more than they are. */
function withdrawal(make: Steps, observed: Observed, paid: boolean): PricedStep[] {
  const price = gasCost(gasBound("withdraw") + gasBound("sweep"), observed.gasPrice);
  if (!paid && observed.earnings <= price) return [];
  return [...pauseOf("jobs", observed), make.withdraw()];
}

function deregistration(make: Steps, observed: Observed): PricedStep[] {
  if (observed.registration === null) return [];
  return [...pauseOf("workers", observed), make.deregister(observed.registration.stake)];
}

function pauseOf(part: "jobs" | "workers", { rules }: Observed): PricedStep[] {
  if (!rules.paused[part]) return [];
  const contract = part === "jobs" ? "JobRegistry" : "WorkerRegistry";
  return [free(waitFor({ kind: "change", of: "pause" }, `the network's ${contract} is paused`))];
}

function sweep(make: Steps, desired: Gone, observed: Observed, before: readonly PricedStep[]): PricedStep[] {
  const expected = shortfall(worth(observed), costOf(before, observed.gasPrice));
  const isLast = before.length === 0;
  const certain = isLast ? observed.balance : expected;
  if (!isWorthSweeping(certain, observed.gasPrice, gasBound("sweep"))) return [];
  return [make.sweep(desired.refundTo, shortfall(certain, gasCost(gasBound("sweep"), observed.gasPrice)))];
}

/** Whether the balance does not even pay the first transaction. */
function isStuck(steps: readonly PricedStep[], observed: Observed): boolean {
  const first = steps.find(({ gas }) => gas > 0n);
  return first !== undefined && observed.balance < gasCost(first.gas, observed.gasPrice);
}

/** What the worker lacks for the gas until its stake is back. */
function gasShortfall(steps: readonly PricedStep[], observed: Observed): Wei {
  if (!isStuck(steps, observed)) return wei(0n);
  const end = steps.findIndex(({ step }) => step.do === "deregister");
  const untilMoneyComes = end === -1 ? steps : steps.slice(0, end + 1);
  return shortfall(addWei(costOf(untilMoneyComes, observed.gasPrice)), observed.balance);
}
