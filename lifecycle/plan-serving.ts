import { addWei, shortfall, wei, type ModelId, type Wei } from "../schema/units.js";
import { GenerationLeft, KeyMismatch, ModelDisabled, ModelNotWhitelisted, StakeAbovePolicy } from "./errors.js";
import { StakeBelowMinimum, StakePolicyTooLow, blockerFor } from "./errors.js";
import { gasBound, gasCost, isHalfUsed } from "./gas.js";
import { lcai } from "./money.js";
import { purposeId } from "./purpose.js";
import { refill } from "./refill.js";
import { releases } from "./releases.js";
import { costOf, draft, free, stepsOf, waitFor, type Draft, type PricedStep, type Steps } from "./steps.js";
import type { Blocker, Desired, Observed, Registration, StakePolicy } from "./types.js";

type Serving = Extract<Desired, { kind: "serving" }>;

/** The way to a worker that serves the desired models with the desired stake. */
export function planServing(desired: Serving, observed: Observed): Draft {
  if (observed.leftGeneration >= desired.generation)
    return draft([], { blockers: [blockerFor(new GenerationLeft(observed.worker, desired.generation))] });
  return observed.registration === null
    ? planJoining(desired, observed)
    : planKeeping(desired, observed, observed.registration);
}

/** Nothing is on chain yet. No money moves before every condition that can be known is met. */
function planJoining(desired: Serving, observed: Observed): Draft {
  const stake = wantedStake(desired.stake, observed.rules.minimumStake);
  const blockers = [...blockersOfStake(desired.stake, observed), ...blockersOfModels(desired.models, observed)];
  if (hasRegisteredOnce(desired, observed))
    blockers.push(blockerFor(new GenerationLeft(observed.worker, desired.generation)));

  const make = stepsOf(observed, desired.generation);
  const models = [...new Set(desired.models)];
  const steps = [
    ...(observed.rehearsed ? [] : [make.rehearse()]),
    ...pausedWait(observed),
    make.register(desired.encryptionKey, stake),
    ...models.map(make.addModel),
    ...declaration(make, observed, 0n),
  ];
  const gas = costOf(steps, observed.gasPrice);
  // Who could not pay the way out does not go in.
  const wayOut = gasCost(gasBound("deregister", { models: models.length }) + gasBound("sweep"), observed.gasPrice);
  const leastReserve = addWei(gas, wayOut);
  const reserve = desired.gasReserve > leastReserve ? desired.gasReserve : leastReserve;
  // What an earlier try used of it is no reason to move money.
  const kept = isHalfUsed(shortfall(observed.balance, stake), reserve) ? reserve : leastReserve;
  const money = { toStake: stake, gas, shortfall: shortfall(addWei(stake, kept), observed.balance) };
  if (blockers.length > 0) return draft([], { ...money, blockers });
  return draft(afterFunds(steps, addWei(stake, leastReserve), observed), money);
}

/** It is registered: keep its stake and models as they should be. */
function planKeeping(desired: Serving, observed: Observed, registration: Registration): Draft {
  if (registration.encryptionKey.toLowerCase() !== desired.encryptionKey.toLowerCase())
    return draft([], {
      blockers: [blockerFor(new KeyMismatch(observed.worker, registration.encryptionKey, desired.encryptionKey))],
    });

  const make = stepsOf(observed, desired.generation);
  const { topUp, blockers } = stakeRepair(desired, observed, registration);
  const wanted = [...new Set(desired.models)];
  const added = wanted.filter((model) => !registration.models.includes(model));
  const admissible = added.filter((model) => blockersOfModels([model], observed).length === 0);
  const mayServe = addWei(registration.stake, topUp) >= observed.rules.minimumStake;

  const retiring = retirements(make, wanted, observed, registration);
  const declaring = declaration(make, observed, registration.capabilities);
  const changes = [
    ...(topUp > 0n ? [make.topUp(topUp)] : []),
    ...(mayServe ? reinstatement(make, observed, registration) : []),
    ...(mayServe ? admissible.map(make.addModel) : []),
    // Declaring is worth less than anything else that can be done now, but it does not wait for jobs to be released.
    ...(retiring[0]?.step.do === "wait" ? [...declaring, ...retiring] : [...retiring, ...declaring]),
  ];
  const steps = [
    ...(observed.rehearsed ? [] : [make.rehearse()]),
    ...(changes.length > 0 ? pausedWait(observed) : []),
    ...changes,
  ];
  const refilled = refill(observed, desired.gasReserve, topUp);
  const withdrawing = refilled > 0n ? [make.withdraw()] : [];
  const gas = costOf([...withdrawing, ...steps], observed.gasPrice);
  const firstGas = changes.find((change) => change.gas > 0n)?.gas ?? 0n;
  const needed = firstGas === 0n ? wei(0n) : addWei(topUp, gasCost(firstGas, observed.gasPrice));
  // What it earned comes first; the treasury sends the rest.
  const held = addWei(observed.balance, refilled);
  const kept = isHalfUsed(shortfall(held, topUp), desired.gasReserve) ? desired.gasReserve : gas;
  // First only where nothing else can be paid without it: what keeps a withdrawal from being made must keep nothing else from it.
  const now = firstWait(steps);
  const filling =
    observed.balance < needed
      ? [...plainly(withdrawing), ...afterFunds(steps, needed, { ...observed, balance: held })]
      : plainly([...steps.slice(0, now), ...withdrawing, ...steps.slice(now)]);
  return draft(filling, {
    blockers: [...blockers, ...blockersOfModels(added, observed)],
    toStake: topUp,
    gas,
    shortfall: shortfall(addWei(topUp, kept), held),
  });
}

/** How much is to be staked, whether or not the policy allows it. Pure. */
export const wantedStake = (policy: StakePolicy, minimum: Wei): Wei =>
  policy.kind === "fixed" ? policy.amount : minimum;

function blockersOfStake(policy: StakePolicy, { rules }: Observed): Blocker[] {
  if (policy.kind === "minimum" && rules.minimumStake > policy.max)
    return [blockerFor(new StakeAbovePolicy(rules.minimumStake, policy.max))];
  if (policy.kind === "fixed" && policy.amount < rules.minimumStake)
    return [blockerFor(new StakePolicyTooLow(policy.amount, rules.minimumStake))];
  return [];
}

/** Retiring a model is soft on chain: these hold for models that are to be added, not for those that are served already (§4.1). */
function blockersOfModels(models: readonly ModelId[], { rules }: Observed): Blocker[] {
  return models.flatMap((id) => {
    const standing = rules.models.find((model) => model.id === id);
    if (!standing?.whitelisted) return [blockerFor(new ModelNotWhitelisted(id))];
    return standing.enabled ? [] : [blockerFor(new ModelDisabled(id))];
  });
}

/** What to add to the stake. After an offence nothing is added by itself: a refill would feed whatever is broken. */
function stakeRepair(
  desired: Serving,
  observed: Observed,
  { stake, offences }: Registration,
): { topUp: Wei; blockers: Blocker[] } {
  const { minimumStake } = observed.rules;
  const missing = shortfall(wantedStake(desired.stake, observed.rules.minimumStake), stake);
  const none = wei(0n);
  if (missing === 0n && stake >= minimumStake) return { topUp: none, blockers: [] };
  if (offences > 0n)
    return {
      topUp: none,
      blockers:
        stake < minimumStake ? [blockerFor(new StakeBelowMinimum(observed.worker, stake, minimumStake, offences))] : [],
    };
  const blockers = blockersOfStake(desired.stake, observed);
  return { topUp: blockers.length > 0 ? none : missing, blockers };
}

/** Suspension never ends by itself: when its time is over, the worker has to say so (§4.3). */
function reinstatement(make: Steps, observed: Observed, { suspendedUntil, offences }: Registration): PricedStep[] {
  if (suspendedUntil === null) return [];
  if (observed.at.time >= suspendedUntil) return [make.reinstate()];
  const because = `the worker is suspended after ${offences} offence(s)`;
  return [free(waitFor({ kind: "time", time: suspendedUntil }, because))];
}

/** Models that are served and no longer wanted: off the chain as soon as none of their jobs counts any more (§4.1). */
function retirements(
  make: Steps,
  wanted: readonly ModelId[],
  observed: Observed,
  registration: Registration,
): PricedStep[] {
  return registration.models
    .filter((model) => !wanted.includes(model))
    .flatMap((model) => {
      const jobs = observed.jobs.filter((job) => job.model === model);
      const unknown = registration.activeJobs > BigInt(observed.jobs.length) ? 1 : 0;
      return [...releases(make, jobs, unknown, observed), make.removeModel(model)];
    });
}

/**
 * Consumers may ask for a worker that serves conversations which carry their own history; every sidecar of ours does, and nothing else of what the network knows
 * (contracts reference §4.10, sidecar reference §6.6). Declaring overwrites what another build had declared under this key. Only sortition looks at it.
 */
function declaration(make: Steps, { rules }: Observed, declared: bigint): PricedStep[] {
  if (rules.mode !== "sortition" || rules.selfContained === 0n || declared === rules.selfContained) return [];
  return [make.setCapabilities(rules.selfContained)];
}

const pausedWait = ({ rules }: Observed): PricedStep[] =>
  rules.paused.workers
    ? [free(waitFor({ kind: "change", of: "pause" }, "the network's WorkerRegistry is paused"))]
    : [];

const plainly = (steps: readonly PricedStep[]): Draft["steps"] => steps.map(({ step }) => step);

/** Where what can be done now ends. */
function firstWait(steps: readonly PricedStep[]): number {
  const at = steps.findIndex(({ step }) => step.do === "wait");
  return at === -1 ? steps.length : at;
}

function afterFunds(steps: readonly PricedStep[], needed: Wei, observed: Observed): Draft["steps"] {
  if (observed.balance >= needed) return plainly(steps);
  const missing = lcai(needed - observed.balance);
  const because = `${missing} LCAI are missing at ${observed.worker}`;
  return [waitFor({ kind: "change", of: "funds" }, because), ...plainly(steps)];
}

/** Its registration was mined and is not there any more: it left, whatever was written down about it. */
function hasRegisteredOnce({ generation }: Serving, { chainId, worker, sent }: Observed): boolean {
  const purpose = purposeId({ chainId, worker, kind: "register", generation });
  return sent.some((tx) => tx.purpose === purpose && tx.outcome === "mined");
}
