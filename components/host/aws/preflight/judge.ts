import type { FleetError } from "../../../../schema/errors.js";
import { ModelsTooLarge, NoImageThere, NowhereOffered, QuotaTooSmall, WrongAwsAccount } from "./errors.js";
import { knownOf, type AwsWorker, type Fact, type RegionDemand, type RegionFacts } from "./facts.js";
import { measuredModels, prospectsOf, whyInTurn, type Option, type Prospects } from "./prospects.js";
import { quotaNames, quotaOf, type QuotaCode } from "./quota.js";

/** What is wrong, or only worth knowing, about what is wanted of a region. */
export interface Judgement {
  readonly refusals: readonly Found<FleetError>[];
  readonly warnings: readonly Found<string>[];
}
/** Something that was found. */
export interface Found<T> {
  /** Whom it is about; `null`: all of them. */
  readonly worker: string | null;
  readonly what: T;
}

/** Whether a region has and allows what a program's workers need there, all of them together. Pure. */
export function judge({ account, workers }: RegionDemand, facts: RegionFacts): Judgement {
  if (account !== undefined && account !== facts.account)
    return { refusals: [{ worker: null, what: new WrongAwsAccount(facts.account, account) }], warnings: [] };
  const running = knownOf(facts.running)?.workers ?? [];
  const looked = workers.map((worker): Looked => {
    const prospects = prospectsOf(worker, facts);
    return { worker, prospects, refusal: refusalFor(worker, prospects, facts, running.includes(worker.name)) };
  });
  // A machine that there is keeps its type and zone, and is counted in what is in use.
  const waiting = looked.filter(({ worker, refusal }) => refusal === undefined && !running.includes(worker.name));
  const quotas = judgeQuotas(waiting, facts);
  const denied = deniedTo(workers, waiting, facts);
  return {
    refusals: [
      ...looked.flatMap(({ worker, refusal }) =>
        refusal === undefined ? [] : [{ worker: worker.name, what: refusal }],
      ),
      ...quotas.refusals,
    ],
    warnings: [
      ...(denied.length === 0 ? [] : [{ worker: null, what: deniedWarning(facts.region, denied) }]),
      ...waiting.flatMap(({ worker, prospects }) =>
        warningsFor(worker, prospects).map((what) => ({ worker: worker.name, what })),
      ),
      ...quotas.warnings,
    ],
  };
}

interface Looked {
  readonly worker: AwsWorker;
  readonly prospects: Prospects;
  readonly refusal: FleetError | undefined;
}

function refusalFor(
  worker: AwsWorker,
  { held, tooSmall, bootable, options }: Prospects,
  { region, offers }: RegionFacts,
  isThere: boolean,
): FleetError | undefined {
  if (held.length === 0) return new ModelsTooLarge(worker, tooSmall);
  if (isThere) return undefined;
  if (bootable.length === 0)
    return new NoImageThere(region, worker.name, [...new Set(held.map(({ architecture }) => architecture))]);
  if (options.length > 0) return undefined;
  const offered = bootable.map(({ name }) => ({ type: name, zones: knownOf(offers)?.[name] ?? [] }));
  return new NowhereOffered(region, worker, offered);
}

function warningsFor(worker: AwsWorker, { options, tooSmall }: Prospects): string[] {
  const [taken] = options;
  if (taken === undefined) return [];
  const preferred = worker.machine.types[0] ?? "";
  const small = tooSmall.find(({ type }) => type === preferred);
  const inTurn = whyInTurn(worker, taken.type);
  const unknown = worker.models.filter((model) => !measuredModels(worker).includes(model)).map(({ name }) => name);
  return [
    ...(taken.type.name === preferred
      ? []
      : [
          `${preferred} is passed over (${small === undefined ? "AWS offers it in no zone that would do, or no image for it" : small.why}): ${taken.type.name} would be taken`,
        ]),
    ...(inTurn === undefined ? [] : [`on ${taken.type.name}, ${inTurn}: each change of the model costs a cold start`]),
    ...(unknown.length === 0 ? [] : [`no figures are known of ${unknown.join(", ")}; it shows when it is loaded`]),
  ];
}

/** Shares out what a quota leaves, worker by worker, as the machines would come. */
function judgeQuotas(waiting: readonly Looked[], facts: RegionFacts): Judgement {
  const used = knownOf(facts.running)?.vcpus;
  const free = new Map<QuotaCode, number>();
  const warnings: Found<string>[] = [];
  const demands = waiting.map(({ worker, prospects }) => {
    const choices = prospects.options.map((option) => choiceOf(option, worker.machine.spot));
    for (const { code } of choices) {
      if (code === undefined || free.has(code)) continue;
      const allowed = knownOf(facts.quotas[code]);
      free.set(code, typeof allowed === "number" ? allowed - (used?.[code] ?? 0) : Infinity);
      if (allowed === null)
        warnings.push({
          worker: null,
          what: `AWS names no quota ${code} (${quotaNames[code]}) in ${facts.region}: whether it is enough shows when a machine is made`,
        });
    }
    const fits = ({ code, vcpus }: Choice): boolean => code === undefined || vcpus <= (free.get(code) ?? Infinity);
    const taken = choices.find(fits);
    if (taken?.code !== undefined) free.set(taken.code, (free.get(taken.code) ?? 0) - taken.vcpus);
    const [preferred] = choices;
    if (taken !== undefined && preferred !== undefined && taken !== preferred)
      warnings.push({
        worker: worker.name,
        what: `the quota ${preferred.code ?? ""} leaves no room for ${preferred.type}: ${taken.type} would be taken`,
      });
    return { name: worker.name, preferred, taken };
  });
  const short = new Set(
    demands.flatMap(({ preferred, taken }) => (taken === undefined ? (preferred?.code ?? []) : [])),
  );
  const refusals = [...short].map((code): Found<FleetError> => {
    // What each would have rather, so that once it is granted nobody stands in another's way.
    const counted = demands.flatMap(({ name, preferred, taken }) => {
      const choice = [preferred, taken].find((one) => one?.code === code);
      return choice === undefined ? [] : [{ name, vcpus: choice.vcpus }];
    });
    const asked = {
      code,
      allowed: knownOf(facts.quotas[code]) ?? 0,
      inUse: used === undefined ? null : (used[code] ?? 0),
      needed: counted.reduce((sum, { vcpus }) => sum + vcpus, 0),
      workers: counted.map(({ name }) => name),
    };
    return { worker: null, what: new QuotaTooSmall(facts.region, asked) };
  });
  return { refusals, warnings };
}

interface Choice {
  readonly type: string;
  readonly vcpus: number;
  readonly code: QuotaCode | undefined;
}
const choiceOf = ({ type: { name, vcpus } }: Option, spot: boolean): Choice => ({
  type: name,
  vcpus,
  code: quotaOf(name, spot),
});

/** What of the facts would have mattered here, and may not be asked. */
function deniedTo(workers: readonly AwsWorker[], waiting: readonly Looked[], facts: RegionFacts): string[] {
  const codes = waiting.flatMap(({ worker, prospects }) =>
    prospects.options.flatMap(({ type }) => quotaOf(type.name, worker.machine.spot) ?? []),
  );
  const images = waiting.flatMap(({ worker, prospects }) =>
    worker.machine.ami === undefined ? prospects.held.map(({ architecture }) => facts.images[architecture]) : [],
  );
  const asked: readonly (Fact<unknown> | null | undefined)[] = [
    facts.offers,
    facts.running,
    ...codes.map((code) => facts.quotas[code]),
    ...images,
    workers.some(({ machine }) => machine.spot) ? facts.spotPrices : null,
  ];
  return [...new Set(asked.flatMap((fact) => (fact != null && "denied" in fact ? [fact.denied] : [])))];
}

/** What stays open without a permission. */
const told: Readonly<Record<string, string>> = {
  "ec2:DescribeInstanceTypeOfferings": "which zones offer a type",
  "ec2:DescribeInstances": "what is in use of a quota",
  "ec2:DescribeSpotPriceHistory": "what spot costs",
  "servicequotas:GetServiceQuota": "how much may run",
  "servicequotas:GetAWSDefaultServiceQuota": "how much may run",
  "ssm:GetParameter": "which image is booted",
};

/** LF1830: the credentials may not ask AWS what should be known before a machine is made. It is made all the same, where AWS lets it be. */
export function deniedWarning(region: string, actions: readonly string[]): string {
  const open = [...new Set(actions.map((action) => told[action] ?? action))].join(", ");
  return `LF1830: In ${region} it is not known ${open}, since these credentials may not ask. Next: allow ${actions.join(", ")} in the policy of whoever aws sts get-caller-identity names (docs/aws.md), or go on without`;
}
