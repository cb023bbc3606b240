import type { ModelNeeds } from "../../../models/needs.js";
import type { ResolvedAwsMachine } from "../args.js";
import type { GpuInstanceType } from "../instance-types.js";
import type { QuotaCode } from "./quota.js";

/** A machine that is wanted in a region, and what it is to hold. */
export interface AwsWorker {
  readonly name: string;
  readonly machine: ResolvedAwsMachine;
  readonly models: readonly ModelNeeds[];
  /** Tokens of context a model is loaded with. */
  readonly contextTokens: number;
  /** Answers that a model gives at the same time. */
  readonly parallel: number;
}

/** All that one program wants of a region. */
export interface RegionDemand {
  readonly region: string;
  /** The account that it is to be. Left out: whichever the credentials are of. */
  readonly account?: string | undefined;
  readonly workers: readonly AwsWorker[];
}

/** The tag of a worker's machine; its value is the worker's name. What such a machine runs on is not asked of the quota again. */
export const workerTag = "lightchain:worker";

/** What AWS answered, or the action that it does not allow these credentials to find out by. */
export type Fact<T> = { readonly known: T } | { readonly denied: string };

/** A processor's architecture, for which an image is made. */
export type Architecture = GpuInstanceType["architecture"];

/** Machines with GPUs that run now. */
export interface Running {
  /** vCPUs that count against each quota. */
  readonly vcpus: Readonly<Partial<Record<QuotaCode, number>>>;
  /** Workers that have one of them, by {@link workerTag}. */
  readonly workers: readonly string[];
}

/** Something for each type of machine and zone. */
export type ByTypeAndZone<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;

/** What a region has, may and costs, as AWS says at one moment. Of what was not asked about there is no entry. */
export interface RegionFacts {
  readonly region: string;
  /** The credentials' account. */
  readonly account: string;
  /** vCPUs that may run at a time; `null`: AWS names no such quota there. */
  readonly quotas: Readonly<Partial<Record<QuotaCode, Fact<number | null>>>>;
  readonly running: Fact<Running>;
  /** Zones that offer a type. That one of them is free at the moment, nobody knows beforehand. */
  readonly offers: Fact<Readonly<Record<string, readonly string[]>>>;
  /** The image to boot, by its id; `null`: AWS names none there. */
  readonly images: Readonly<Partial<Record<Architecture, Fact<string | null>>>>;
  /** USD an hour, now. `null`: not asked for. */
  readonly spotPrices: Fact<ByTypeAndZone<number>> | null;
}

/** The parameter in which AWS publishes the image with NVIDIA's driver for an architecture. */
export const imageParameter = (architecture: Architecture): string =>
  `/aws/service/deeplearning/ami/${architecture === "x64" ? "x86_64" : architecture}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id`;

/** A fact's content; `undefined` where it could not be found out, or was not asked for. */
export const knownOf = <T>(fact: Fact<T> | null | undefined): T | undefined =>
  fact != null && "known" in fact ? fact.known : undefined;
