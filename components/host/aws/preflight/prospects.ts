import { fit } from "../fit.js";
import { gpuInstanceTypes, type GpuInstanceType } from "../instance-types.js";
import { knownOf, type AwsWorker, type RegionFacts } from "./facts.js";

/** A type that would do for a worker, and where it is offered. */
export interface Option {
  readonly type: GpuInstanceType;
  /** `null`: where it is offered is not known, and no zone was named. */
  readonly zones: readonly string[] | null;
}

/** What becomes of the types that an operator named, in his order. */
export interface Prospects {
  /** Their GPUs hold each of the worker's models. */
  readonly held: readonly GpuInstanceType[];
  /** Theirs do not, and why. */
  readonly tooSmall: readonly { readonly type: string; readonly why: string }[];
  /** Of those that hold them: AWS names an image for them, or the operator did. */
  readonly bootable: readonly GpuInstanceType[];
  /** Of those again: some zone that would do offers them. What a machine is made of. */
  readonly options: readonly Option[];
}

/** Which of a worker's types could become its machine. Pure. */
export function prospectsOf(worker: AwsWorker, facts: Pick<RegionFacts, "region" | "offers" | "images">): Prospects {
  const { machine } = worker;
  const stated = machine.types.flatMap((name) => gpuInstanceTypes.find((type) => type.name === name) ?? []);
  const judged = stated.map((type) => ({ type, why: whyTooSmall(worker, type) }));
  const held = judged.flatMap(({ type, why }) => (why === undefined ? [type] : []));
  const bootable = held.filter(
    ({ architecture }) => machine.ami !== undefined || knownOf(facts.images[architecture]) !== null,
  );
  const offers = knownOf(facts.offers);
  const options = bootable.map((type): Option => {
    const zones = offers?.[type.name] ?? [];
    return { type, zones: offers === undefined ? (machine.zones ?? null) : zonesThatDo(zones, worker, facts.region) };
  });
  return {
    held,
    tooSmall: judged.flatMap(({ type, why }) => (why === undefined ? [] : [{ type: type.name, why }])),
    bootable,
    options: options.filter(({ zones }) => zones === null || zones.length > 0),
  };
}

/** Those that were named; else all but those of a city or a network carrier, which have to be asked for. */
const zonesThatDo = (zones: readonly string[], { machine }: AwsWorker, region: string): string[] =>
  zones.filter((zone) => machine.zones?.includes(zone) ?? new RegExp(`^${region}[a-z]$`).test(zone));

/** Models of which there are figures; of the others it shows once they are loaded. */
export const measuredModels = ({ models }: AwsWorker): AwsWorker["models"] =>
  models.filter(({ diskBytes, memoryBytes }) => diskBytes !== null || memoryBytes !== null);

/** As on the host itself: what must fit is each model alone. */
function whyTooSmall(worker: AwsWorker, type: GpuInstanceType): string | undefined {
  const whys = measuredModels(worker).flatMap((model) => fit([model], worker, [type]).others.map(({ why }) => why));
  return whys[0];
}

/** Why not all models are loaded at the same time; `undefined` when they are. Pure. */
export function whyInTurn(worker: AwsWorker, type: GpuInstanceType): string | undefined {
  const models = measuredModels(worker);
  return models.length === 0 ? undefined : fit(models, worker, [type]).others[0]?.why;
}
