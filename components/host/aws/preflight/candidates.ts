import { createHash } from "node:crypto";
import { knownOf, type AwsWorker, type RegionFacts } from "./facts.js";
import { prospectsOf } from "./prospects.js";

/** What may be asked of AWS for a worker. */
export interface Candidate {
  readonly type: string;
  /** `null`: whichever AWS takes; where the type is offered could not be found out, and no zone was named. */
  readonly zone: string | null;
}

/**
 * What to try, in this order, until AWS has one to rent: the preferred type first, in every zone that offers it. Zones come in an order of the worker's own, the same each
 * time, so that a fleet spreads over them; what AWS has to spare is tried first where it is cheapest. Pure.
 */
export function candidates(
  worker: AwsWorker,
  facts: Pick<RegionFacts, "region" | "offers" | "images" | "spotPrices">,
): readonly Candidate[] {
  const prices = worker.machine.spot ? knownOf(facts.spotPrices) : undefined;
  return prospectsOf(worker, facts).options.flatMap(({ type: { name: type }, zones }): Candidate[] => {
    if (zones === null) return [{ type, zone: null }];
    const price = (zone: string): number => prices?.[type]?.[zone] ?? Infinity;
    const place = (zone: string): string => createHash("sha256").update(`${worker.name}\n${zone}`).digest("hex");
    return [...zones]
      .map((zone) => ({ zone, price: price(zone), place: place(zone) }))
      .sort((one, other) => compare(one.price, other.price) || compare(one.place, other.place))
      .map(({ zone }) => ({ type, zone }));
  });
}

const compare = <T extends number | string>(one: T, other: T): number => (one < other ? -1 : Number(one > other));
