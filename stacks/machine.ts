import type * as pulumi from "@pulumi/pulumi";
import type { Gpu, PinnedOllama, Strangers } from "../components/host/runtime-args.js";
import { gpuIds, optional, type GpuIds } from "./worker-stack.js";

/** What a stack says of a machine of somebody's own, however it is reached. */
export const machine = (config: pulumi.Config) => ({
  ...optional("host", config.get("hostName")),
  ollama: config.get("ollama") ?? config.requireObject<PinnedOllama>("ollamaRelease"),
  ...optional("gpu", config.get<Gpu>("gpu")),
  ...optional("gpus", gpuIds(config.getObject<GpuIds>("gpus"))),
  ...optional("strangers", config.get<Strangers>("strangers")),
  ollamaPort: config.requireNumber("ollamaPort"),
  ...optional("root", config.get("hostRoot")),
  ...optional("bundle", config.get("bundle")),
});
