import { InvalidArgumentError, type Command } from "commander";
import Table from "cli-table3";
import { regionSchema } from "../../components/host/aws/args.js";
import { fit, type Fit } from "../../components/host/aws/fit.js";
import {
  gpuInstanceTypes,
  pricesOf,
  usdPerMonth,
  type GpuInstanceType,
} from "../../components/host/aws/instance-types.js";
import { knownOf, type RegionFacts } from "../../components/host/aws/preflight/facts.js";
import { lookAtRegion } from "../../components/host/aws/preflight/look.js";
import { quotaNames, type QuotaCode } from "../../components/host/aws/preflight/quota.js";
import { needsOf } from "../../components/models/needs.js";

/** Adds `fit`: which type of AWS machine holds these models, the cheapest first. Asks nobody, or AWS about the region that is named. */
export function addFitCommand(program: Command): void {
  program
    .command("fit")
    .description(
      "which type of AWS machine holds these models at once, the cheapest first; asks nobody but for --region",
    )
    .argument("<models...>", "the network's names, for instance llama3-8b")
    .option("--context <tokens>", "context that a model is loaded with", count(0), 8_192)
    .option("--parallel <answers>", "answers that a model gives at a time", count(1), 1)
    .option("--region <region>", "ask AWS where each type is offered there, and how much this account may run", region)
    .action(async (models: string[], options: { context: number; parallel: number; region?: string }) => {
      const found = fit(models.map(needsOf), { contextTokens: options.context, parallel: options.parallel });
      const types = gpuInstanceTypes.map(({ name }) => name);
      const facts =
        options.region === undefined ? undefined : await lookAtRegion(options.region, { types, spot: true });
      process.stdout.write(`${renderFit(found, facts)}\n`);
    });
}

const count =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number, ${least} or more`);
  };

function region(text: string): string {
  const { success } = regionSchema.safeParse(text);
  if (success) return text;
  throw new InvalidArgumentError("a region such as eu-central-1");
}

/** The types, for a person; with what a region says of them when it was asked. Pure. */
export function renderFit({ fits, others }: Fit, facts?: RegionFacts): string {
  const table = new Table({
    head: [
      "type",
      "GPU",
      "USD an hour",
      "a month",
      ...(facts === undefined ? [] : [`in ${facts.region}`]),
      "what to know",
    ],
    style: { head: [], border: [] },
  });
  const rowOf = (type: GpuInstanceType): string[] => [
    ...priceOf(type),
    ...(facts === undefined ? [] : [zonesOf(type, facts)]),
  ];
  for (const { type, freeBytes, advice } of fits)
    table.push([
      ...rowOf(type),
      `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free${advice === null ? "" : `; ${advice}`}`,
    ]);
  for (const { type, why } of others) table.push([...rowOf(type), `no: ${why}`]);
  const { date, region, source } = pricesOf;
  return [
    table.toString(),
    `Prices on demand in ${region} of ${date} (${source}): compare by them, and look up today's.`,
    ...(facts === undefined ? [] : quotasOf(facts)),
  ].join("\n");
}

/** The zones that offer a type, by their letters, and the lowest price in them of what AWS has to spare. */
function zonesOf({ name }: GpuInstanceType, { region, offers, spotPrices }: RegionFacts): string {
  const known = knownOf(offers);
  if (known === undefined) return "?";
  const zones = known[name] ?? [];
  if (zones.length === 0) return "none";
  const prices = Object.values(knownOf(spotPrices)?.[name] ?? {});
  const spot = prices.length === 0 ? "" : `; spot ${Math.min(...prices)}`;
  return zones.map((zone) => zone.replace(region, "")).join(" ") + spot;
}

/** How much an account may run, of each kind. */
function quotasOf({ region, account, quotas, running, offers, spotPrices }: RegionFacts): string[] {
  const used = knownOf(running)?.vcpus;
  const lines = (Object.keys(quotaNames) as QuotaCode[]).map((code) => {
    const allowed = knownOf(quotas[code]);
    const inUse = used === undefined ? "?" : (used[code] ?? 0);
    return `  ${quotaNames[code]} (${code}): ${allowed ?? "?"} vCPUs, ${inUse} in use`;
  });
  const facts = [offers, running, spotPrices, ...Object.values(quotas)];
  const denied = [...new Set(facts.flatMap((fact) => (fact !== null && "denied" in fact ? [fact.denied] : [])))];
  return [
    `Account ${account} may run at a time in ${region}:`,
    ...lines,
    ...(denied.length === 0 ? [] : [`? is what these credentials may not ask: ${denied.join(", ")}.`]),
  ];
}

const priceOf = (type: GpuInstanceType): string[] => [
  type.name,
  type.gpus === 1 ? type.gpu : `${type.gpus} × ${type.gpu}`,
  type.usdPerHour.toFixed(3),
  String(usdPerMonth(type)),
];
