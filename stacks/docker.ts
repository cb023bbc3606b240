import type * as pulumi from "@pulumi/pulumi";
import type { DockerEngine } from "../components/host/docker/engine.js";
import { gpuIds, optional, workerStack, type GpuIds } from "./worker-stack.js";

type Gpu = "all" | "none";

/** One worker in containers, on this machine's Docker engine or another's. */
export const docker = (config: pulumi.Config): Record<string, unknown> =>
  workerStack(config, () => ({
    docker: {
      ollamaImage: config.require("ollamaImage"),
      gpu: config.require<Gpu>("gpu"),
      ollamaMemoryMiB: config.requireNumber("ollamaMemoryMiB"),
      ...optional("gpus", gpuIds(config.getObject<GpuIds>("gpus"))),
      ...optional("host", config.get("hostName")),
      ...optional("engine", config.getObject<DockerEngine>("engine")),
      ...optional("workerMemoryMiB", config.getNumber("workerMemoryMiB")),
      ...optional("baseImage", config.get("baseImage")),
      ...optional("prefix", config.get("prefix")),
      ...optional("contextLength", config.getNumber("contextLength")),
      ...optional("bundle", config.get("bundle")),
    },
  }));
