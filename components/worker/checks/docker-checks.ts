import { hasGpuRuntime, requireEngine } from "../../host/docker/cli.js";
import { localEngine } from "../../host/docker/engine.js";
import { EngineWithoutGpu } from "../../host/docker/errors.js";
import type { ResolvedWorker } from "../resolve.js";
import type { Check } from "./check.js";

/** What a Docker engine must be before anything is staked. Another kind of host has nothing to do with them. */
export const dockerChecks: readonly Check[] = [
  {
    name: "Docker engine",
    run: async (worker) => {
      const docker = dockerOf(worker);
      if (docker === undefined) return undefined;
      const engine = docker.engine ?? localEngine;
      await requireEngine(engine);
      if (docker.gpu === "all" && !(await hasGpuRuntime(engine))) throw new EngineWithoutGpu(engine);
      return undefined;
    },
  },
  {
    name: "images",
    tells: "warning",
    run: async (worker) => {
      const docker = dockerOf(worker);
      const moving = [docker?.ollamaImage, docker?.baseImage ?? (docker && "debian:bookworm-slim")].filter(
        (image) => image !== undefined && !image.includes("@sha256:"),
      );
      if (moving.length === 0) return undefined;
      return `image ${moving.join(" and ")} may be another one tomorrow: name it with its digest (docker buildx imagetools inspect <image>)`;
    },
  },
];

const dockerOf = ({ host }: ResolvedWorker) => ("docker" in host ? host.docker : undefined);
