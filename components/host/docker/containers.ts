import type { ContainerArgs } from "@pulumi/docker/container";
import type { Input } from "@pulumi/pulumi";
import { visibleGpus } from "../../../schema/gpus.js";
import { bundleInImage, containerUser, ollamaData, rootInContainer } from "./image.js";

/** Name and port by which the worker's container finds Ollama's, on the network that only these two are on. */
export const ollamaAlias = "ollama";
export const ollamaPortInContainer = 11_434;
export const ollamaUrlInContainer = `http://${ollamaAlias}:${ollamaPortInContainer}`;

/** What both containers are made with. */
export interface ContainerParts {
  readonly name: Input<string>;
  /** Id of its image. */
  readonly image: Input<string>;
  readonly network: Input<string>;
  readonly volume: Input<string>;
  /** Most memory it may take; there is no swap beyond it. */
  readonly memoryMiB: number;
  /** From the signal to stop to the end by force. */
  readonly stopSeconds: number;
}

/**
 * The worker's container: the supervisor, and under it the sidecar. It gets a stop time that is longer than a job's, since whoever replaces or stops it must let jobs finish. Pure.
 */
export const workerContainer = (parts: ContainerParts): ContainerArgs => ({
  ...confined(parts, rootInContainer, "worker"),
  healthcheck: {
    tests: ["CMD", `${bundleInImage}/node`, `${bundleInImage}/container.js`, "--root", rootInContainer, "--health"],
    ...healthTimes,
  },
});

/**
 * Ollama's container: reached by the worker's alone, no prompt in any log, nothing sent to any cloud. Pure.
 * @param gpu `all`: every GPU that the engine has is given to it, which is all that Pulumi's provider can ask for
 * @param gpus those that it uses of them; none named: all
 */
export const ollamaContainer = (
  parts: ContainerParts & {
    readonly gpu: "all" | "none";
    readonly gpus: readonly string[];
    readonly contextLength: number;
  },
): ContainerArgs => ({
  ...confined(parts, ollamaData, ollamaAlias),
  envs: [
    `HOME=${ollamaData}`,
    `OLLAMA_HOST=0.0.0.0:${ollamaPortInContainer}`,
    `OLLAMA_MODELS=${ollamaData}/models`,
    "OLLAMA_KEEP_ALIVE=-1",
    "OLLAMA_NO_CLOUD=1",
    ...(parts.contextLength === 0 ? [] : [`OLLAMA_CONTEXT_LENGTH=${parts.contextLength}`]),
    ...Object.entries(visibleGpus(parts.gpus)).map(([name, value]) => `${name}=${value}`),
  ],
  healthcheck: { tests: ["CMD", "ollama", "list"], ...healthTimes },
  ...(parts.gpu === "all" ? { gpus: "all" } : {}),
});

/** Read again by a refresh as the engine writes them, hence in its own spelling. */
const healthTimes = { interval: "30s", timeout: "15s", startPeriod: "30s", retries: 3 };

/** Nothing that it does not need: no user of the machine's, no capability, no way to more of either, no file but its volume's, no port to the outside. */
const confined = (
  { name, image, network, volume, memoryMiB, stopSeconds }: ContainerParts,
  folder: string,
  alias: string,
): ContainerArgs => ({
  name,
  image,
  hostname: alias,
  user: containerUser,
  init: true, // reaps what a killed supervisor or model runner leaves
  readOnly: true,
  tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=64m", "/run": "rw,noexec,nosuid,nodev,size=16m" },
  capabilities: { drops: ["ALL"] },
  securityOpts: ["no-new-privileges:true"],
  memory: memoryMiB,
  memorySwap: memoryMiB, // no swap: prompts and keys stay in memory
  ulimits: [
    { name: "core", soft: 0, hard: 0 }, // nor in a core dump
    { name: "nproc", soft: 4_096, hard: 4_096 }, // Pulumi's provider knows no limit of a container's processes: all of our user's count together
  ],
  mounts: [{ type: "volume", source: volume, target: folder }],
  networksAdvanced: [{ name: network, aliases: [alias] }],
  // An engine that comes back after a crash stops what still runs, and `unless-stopped` takes that for an operator's stop (seen with 20.10).
  restart: "always",
  stopSignal: "SIGTERM",
  stopTimeout: stopSeconds, // for whoever stops it
  destroyGraceSeconds: stopSeconds, // for Pulumi, which else removes it by force
  logDriver: "json-file",
  logOpts: { "max-size": "10m", "max-file": "3" },
  labels: [{ label: "ai.lightchain.fleet", value: alias }],
});
