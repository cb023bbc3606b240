import type * as pulumi from "@pulumi/pulumi";
import type { DockerEngine } from "../components/host/docker-engine.js";
import type { ServiceTuning } from "../components/service/service.js";
import { readNetwork } from "../components/worker/network-file.js";
import { asRunError } from "../components/worker/run-error.js";
import { LightchainWorker } from "../components/worker/worker.js";

type Gpu = "all" | "none";

/** One worker in containers, on this machine's Docker engine or another's. */
export function docker(config: pulumi.Config): Record<string, unknown> {
  return asRunError(() => {
    const worker = new LightchainWorker(config.get("worker") ?? "home", {
      network: readNetwork(config.require("network")),
      host: {
        docker: {
          ollamaImage: config.require("ollamaImage"),
          gpu: config.require<Gpu>("gpu"),
          ollamaMemoryMiB: config.requireNumber("ollamaMemoryMiB"),
          ...optional("engine", config.getObject<DockerEngine>("engine")),
          ...optional("workerMemoryMiB", config.getNumber("workerMemoryMiB")),
          ...optional("baseImage", config.get("baseImage")),
          ...optional("prefix", config.get("prefix")),
          ...optional("contextLength", config.getNumber("contextLength")),
          ...optional("bundle", config.get("bundle")),
        },
      },
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

const optional = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  (value === undefined ? {} : { [key]: value }) as Partial<Record<K, V>>;
