import type * as pulumi from "@pulumi/pulumi";
import type { ServiceTuning } from "../components/service/service.js";
import { readNetwork } from "../components/worker/network-file.js";
import { asRunError } from "../components/worker/run-error.js";
import type { LightchainWorkerArgs } from "../components/worker/resolve.js";
import { LightchainWorker } from "../components/worker/worker.js";

/** One worker, by what every kind of stack reads from its config. @param host what is this kind's own */
export function workerStack(config: pulumi.Config, host: () => LightchainWorkerArgs["host"]): Record<string, unknown> {
  return asRunError(() => {
    const worker = new LightchainWorker(config.get("worker") ?? "home", {
      network: readNetwork(config.require("network")),
      host: host(),
      models: config.requireObject("models"),
      store: config.require("store"),
      treasury: config.requireObject("treasury"),
      refundTo: config.get("refundTo") ?? "",
      generation: config.getNumber("generation") ?? 1,
      leaving: config.getBoolean("leaving") ?? false,
      ...optional("recoveryKey", config.get("recoveryKey")),
      ...optional("exitMaxWaitMs", config.getNumber("exitMaxWaitMs")),
      ...optional("patienceMs", config.getNumber("patienceMs")),
      ...optional("gasReserve", config.get("gasReserve")),
      ...optional("tuning", config.getObject<ServiceTuning>("tuning")),
    });
    return {
      worker: worker.address,
      standing: worker.standing,
      keys: worker.keys,
      backup: worker.backup,
      ollama: worker.ollamaUrl,
    };
  });
}

/** A setting that is left out where the config does not have it. */
export const optional = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  (value === undefined ? {} : { [key]: value }) as Partial<Record<K, V>>;

/** GPUs as they are written in YAML, where an index is a number. */
export type GpuIds = readonly (string | number)[];
/** The same as a host takes them. */
export const gpuIds = (ids: GpuIds | undefined): string[] | undefined =>
  ids === undefined ? undefined : [ids].flat().map(String);
