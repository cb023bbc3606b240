import type * as pulumi from "@pulumi/pulumi";
import type { Gpu, PinnedOllama, Strangers } from "../components/host/runtime-args.js";
import type { SshAccess } from "../components/worker/resolve-host.js";
import { gpuIds, optional, workerStack, type GpuIds } from "./worker-stack.js";

/** One worker on a machine that is reached by SSH. */
export const host = (config: pulumi.Config): Record<string, unknown> =>
  workerStack(config, () => ({
    ...optional("host", config.get("hostName")),
    ssh: config.requireObject<SshAccess>("ssh"),
    ollama: config.get("ollama") ?? config.requireObject<PinnedOllama>("ollamaRelease"),
    ...optional("gpu", config.get<Gpu>("gpu")),
    ...optional("gpus", gpuIds(config.getObject<GpuIds>("gpus"))),
    ...optional("strangers", config.get<Strangers>("strangers")),
    ollamaPort: config.requireNumber("ollamaPort"),
    ...optional("root", config.get("hostRoot")),
    ...optional("bundle", config.get("bundle")),
  }));
