import { InvalidArgumentError, type Command } from "commander";
import Table from "cli-table3";
import { fit, type Fit } from "../../components/host/aws/fit.js";
import { pricesOf, usdPerMonth, type GpuInstanceType } from "../../components/host/aws/instance-types.js";
import { needsOf } from "../../components/models/needs.js";

/** Adds `fit`: which type of AWS machine holds these models, the cheapest first. Asks nobody. */
export function addFitCommand(program: Command): void {
  program
    .command("fit")
    .description("which type of AWS machine holds these models at once, the cheapest first; asks nobody")
    .argument("<models...>", "the network's names, for instance llama3-8b")
    .option("--context <tokens>", "context that a model is loaded with", count(0), 8_192)
    .option("--parallel <answers>", "answers that a model gives at a time", count(1), 1)
    .action((models: string[], options: { context: number; parallel: number }) => {
      const found = fit(models.map(needsOf), { contextTokens: options.context, parallel: options.parallel });
      process.stdout.write(`${renderFit(found)}\n`);
    });
}

const count =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`a whole number, ${least} or more`);
  };

/** The types, for a person. Pure. */
export function renderFit({ fits, others }: Fit): string {
  const table = new Table({
    head: ["type", "GPU", "USD an hour", "a month", "what to know"],
    style: { head: [], border: [] },
  });
  for (const { type, freeBytes, advice } of fits)
    table.push([
      ...priceOf(type),
      `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free${advice === null ? "" : `; ${advice}`}`,
    ]);
  for (const { type, why } of others) table.push([...priceOf(type), `no: ${why}`]);
  const { date, region, source } = pricesOf;
  return `${table.toString()}\nPrices on demand in ${region} of ${date} (${source}): compare by them, and look up today's.`;
}

const priceOf = (type: GpuInstanceType): string[] => [
  type.name,
  type.gpus === 1 ? type.gpu : `${type.gpus} × ${type.gpu}`,
  type.usdPerHour.toFixed(3),
  String(usdPerMonth(type)),
];
