import { demandOf } from "../../../schema/demand.js";
import type { ModelNeeds } from "../../models/needs.js";
import { gpuInstanceTypes, type GpuInstanceType } from "./instance-types.js";

/** What is asked of a machine beside its models. */
export interface FitOptions {
  /** Tokens of context a model is loaded with. */
  readonly contextTokens: number;
  /** Answers that a model gives at the same time, each with a context of its own. */
  readonly parallel: number;
  /** Left out: either. */
  readonly architecture?: GpuInstanceType["architecture"];
}

/** A type whose GPUs hold all the models at once. */
export interface Fitting {
  readonly type: GpuInstanceType;
  /** GPU memory that stays free. */
  readonly freeBytes: number;
  /** What speaks against it all the same; `null`: nothing. */
  readonly advice: string | null;
}

/** A type that does not, and why, for a person. */
export interface NotFitting {
  readonly type: GpuInstanceType;
  readonly why: string;
}

/** Which types do, the cheapest first; the others in the same order. Each type is in one of the two. */
export interface Fit {
  readonly fits: readonly Fitting[];
  readonly others: readonly NotFitting[];
}

/**
 * Which types of machine hold these models at once, by the rule that a host's own preflight goes by (`schema/demand.ts`): weights, context for each answer at a time
 * and a GiB for each model, or what was measured where that is more; and a GiB on each further GPU. A model of which no figures are known fits nowhere. Pure.
 *
 * @throws RangeError when there are no models, or a number is none
 */
export function fit(
  models: readonly ModelNeeds[],
  options: FitOptions,
  types: readonly GpuInstanceType[] = gpuInstanceTypes,
): Fit {
  const { contextTokens, parallel, architecture } = options;
  if (models.length === 0) throw new RangeError("no model was named");
  if (!Number.isSafeInteger(contextTokens) || contextTokens < 0)
    throw new RangeError("contextTokens must be 0 or more");
  if (!Number.isSafeInteger(parallel) || parallel < 1) throw new RangeError("parallel must be 1 or more");
  const demand = demandOf({ models: [...models], contextLength: contextTokens * parallel });
  const judged = [...types]
    .sort((one, other) => one.usdPerHour - other.usdPerHour)
    .map((type): Fitting | NotFitting => {
      const bytes = usableBytes(type);
      const why =
        architecture !== undefined && type.architecture !== architecture
          ? `it is ${type.architecture}`
          : whyNot(demand, bytes);
      return why === undefined
        ? { type, freeBytes: bytes - demand.togetherBytes, advice: adviceOn(type) }
        : { type, why };
    });
  return {
    fits: judged.filter((one) => "freeBytes" in one),
    others: judged.filter((one) => "why" in one),
  };
}

const mib = 1024 ** 2;
const gib = 1024 ** 3;
const inGib = (bytes: number): string => `${(bytes / gib).toFixed(1)} GiB`;

/** A model that is divided over several GPUs has its compute graphs on each. */
const usableBytes = ({ vramMib, gpus }: GpuInstanceType): number => vramMib * mib - (gpus - 1) * gib;

function whyNot({ largest, togetherBytes, unknown }: ReturnType<typeof demandOf>, bytes: number): string | undefined {
  if (unknown.length > 0) return `no figures are known of ${unknown.join(", ")}`;
  if (largest.bytes > bytes) return `${largest.name} takes ${inGib(largest.bytes)}, it has ${inGib(bytes)}`;
  if (togetherBytes > bytes)
    return `only one model at a time: together they take ${inGib(togetherBytes)}, it has ${inGib(bytes)}`;
  return undefined;
}

/** Machines that are sold with 16 GiB are what the network's operators advise. */
const adviceOn = ({ ramGib }: GpuInstanceType): string | null =>
  ramGib < 16 ? `${ramGib} GiB of memory, less than the 16 that are advised` : null;
