import { formatEther } from "viem";
import type { Wei } from "../../../../schema/units.js";
import { pricesOf, usdPerMonth, type GpuInstanceType } from "../instance-types.js";
import { candidates } from "./candidates.js";
import { knownOf, type AwsWorker, type RegionFacts } from "./facts.js";
import { prospectsOf } from "./prospects.js";

/** What a disk costs, by AWS's list. Other regions cost more. */
export const diskPriceOf = { usdPerGibMonth: 0.08, kind: "gp3", region: "us-east-1", date: "2026-07-20" } as const;

/** Jobs in an hour for which it is said what they pay. */
const utilisations = [1, 10, 60] as const;

/** GiB of the disk that a worker's machine boots from, models included. Pure. */
export function rootGibOf({ machine, models }: Pick<AwsWorker, "machine" | "models">): number {
  const weights = models.reduce((sum, { diskBytes }) => sum + (diskBytes ?? 0), 0) / 1024 ** 3;
  return machine.rootGiB ?? Math.ceil((100 + weights) / 10) * 10;
}

/**
 * What a worker's machine costs, running and stopped, and what its jobs pay, as one line for a preview. Whether that is worth it, it can't say: nobody here knows what LCAI
 * is worth. Pure.
 *
 * @param feeOf what a job of a model pays in all; `null` where the network has no fee for it
 */
export function describeCost(
  worker: AwsWorker,
  facts: Pick<RegionFacts, "region" | "offers" | "images" | "spotPrices">,
  feeOf: Readonly<Record<string, Wei | null>>,
): string {
  const [option] = prospectsOf(worker, facts).options;
  const rent = option === undefined ? [] : [describeRent(worker, facts, option.type)];
  const gib = [rootGibOf(worker), worker.machine.journalGiB];
  const disks = gib.reduce((sum, one) => sum + one, 0) * diskPriceOf.usdPerGibMonth;
  const { kind, region, date } = diskPriceOf;
  const fees = worker.models.flatMap(({ name }) => {
    const fee = feeOf[name] ?? null;
    if (fee === null) return [];
    const daily = utilisations.map((jobs) => formatEther(fee * BigInt(jobs * 24)));
    return [`${name} ${formatEther(fee)} a job, ${daily.join(" / ")} a day`];
  });
  return [
    ...rent,
    `disks of ${gib.join(" + ")} GiB ${disks.toFixed(2)} USD a month, stopped too (${kind}, ${region}, ${date})`,
    ...(fees.length === 0 ? [] : [`fees at ${utilisations.join(" / ")} jobs an hour (LCAI): ${fees.join("; ")}`]),
  ].join(", ");
}

function describeRent(
  worker: AwsWorker,
  facts: Pick<RegionFacts, "region" | "offers" | "images" | "spotPrices">,
  type: GpuInstanceType,
): string {
  const listed = `${type.usdPerHour} USD an hour, ${usdPerMonth(type)} a month`;
  if (!worker.machine.spot) return `${type.name} ${listed} (on demand, ${pricesOf.region}, ${pricesOf.date})`;
  const zone = candidates(worker, facts)[0]?.zone ?? "";
  const spot = knownOf(facts.spotPrices)?.[type.name]?.[zone];
  return spot === undefined
    ? `${type.name} for what spot costs at the time; ${listed} (on demand, ${pricesOf.region}, ${pricesOf.date})`
    : `${type.name} ${spot} USD an hour, ${usdPerMonth({ ...type, usdPerHour: spot })} a month (spot, ${zone}, now)`;
}
