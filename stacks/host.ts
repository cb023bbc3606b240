import type * as pulumi from "@pulumi/pulumi";
import type { Gpu, PinnedOllama, Strangers } from "../components/host/runtime-args.js";
import type { ServiceTuning } from "../components/service/service.js";
import { readNetwork } from "../components/worker/network-file.js";
import type { SshAccess } from "../components/worker/resolve-host.js";
import { asRunError } from "../components/worker/run-error.js";
import { LightchainWorker } from "../components/worker/worker.js";

/** One worker on a machine that is reached by SSH. */
export function host(config: pulumi.Config): Record<string, unknown> {
  return asRunError(() => {
    const worker = new LightchainWorker(config.get("worker") ?? "home", {
      network: readNetwork(config.require("network")),
      host: {
        ssh: config.requireObject<SshAccess>("ssh"),
        ollama: config.get("ollama") ?? config.requireObject<PinnedOllama>("ollamaRelease"),
        ...optional("gpu", config.get<Gpu>("gpu")),
        ...optional("strangers", config.get<Strangers>("strangers")),
        ollamaPort: config.requireNumber("ollamaPort"),
        ...optional("root", config.get("hostRoot")),
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
