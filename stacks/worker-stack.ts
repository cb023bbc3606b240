import type * as pulumi from "@pulumi/pulumi";
import type { ServiceTuning } from "../components/service/service.js";
import { readNetwork } from "../components/worker/network-file.js";
import { asRunError } from "../components/worker/run-error.js";
import type { LightchainWorkerArgs } from "../components/worker/resolve.js";
import { LightchainWorker } from "../components/worker/worker.js";

/** What a stack tells of a worker. */
export interface WorkerOutputs extends Record<
  "worker" | "standing" | "keys" | "backup" | "ollama",
  pulumi.Output<string>
> {
  readonly kept?: LightchainWorker["kept"];
}

type Caps = NonNullable<LightchainWorkerArgs["caps"]>;

/** One worker, by what every kind of stack reads from its config. @param host what is this kind's own */
export const workerStack = (config: pulumi.Config, host: () => LightchainWorkerArgs["host"]): Record<string, unknown> =>
  asRunError(() => ({ ...workerFrom(config, config.get("worker") ?? "home", host()) }));

/** @param own what is this worker's own, where a stack has several */
export function workerFrom(
  config: pulumi.Config,
  name: string,
  host: LightchainWorkerArgs["host"],
  own: Partial<LightchainWorkerArgs> = {},
): WorkerOutputs {
  const worker = new LightchainWorker(name, {
    network: readNetwork(config.require("network")),
    host,
    models: own.models ?? config.requireObject("models"),
    store: own.store ?? config.require("store"),
    treasury: own.treasury ?? config.requireObject("treasury"),
    refundTo: config.get("refundTo") ?? "",
    generation: config.getNumber("generation") ?? 1,
    leaving: config.getBoolean("leaving") ?? false,
    ...optional("recoveryKey", config.get("recoveryKey")),
    ...optional("exitMaxWaitMs", config.getNumber("exitMaxWaitMs")),
    ...optional("patienceMs", config.getNumber("patienceMs")),
    ...optional("stake", config.get("stake")),
    ...optional("maxStake", config.get("maxStake")),
    ...optional("gasReserve", config.get("gasReserve")),
    ...optional("caps", config.getObject<Caps>("caps")),
    ...optional("tuning", config.getObject<ServiceTuning>("tuning")),
    ...own,
  });
  return {
    worker: worker.address,
    standing: worker.standing,
    keys: worker.keys,
    backup: worker.backup,
    ...optional("kept", worker.kept),
    ollama: worker.ollamaUrl,
  };
}

/** A setting that is left out where the config does not have it. */
export const optional = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  (value === undefined ? {} : { [key]: value }) as Partial<Record<K, V>>;

/** GPUs as they are written in YAML, where an index is a number. */
export type GpuIds = readonly (string | number)[];
/** The same as a host takes them. */
export const gpuIds = (ids: GpuIds | undefined): string[] | undefined =>
  ids === undefined ? undefined : [ids].flat().map(String);
