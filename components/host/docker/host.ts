import { createHash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { Container } from "@pulumi/docker/container";
import { Network } from "@pulumi/docker/network";
import { Provider } from "@pulumi/docker/provider";
import { RemoteImage } from "@pulumi/docker/remoteImage";
import { Volume } from "@pulumi/docker/volume";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { someGpusSchema } from "../../../schema/gpus.js";
import { compiled } from "../../../system/package-root.js";
import { LateResource } from "../../late-resource.js";
import type { HostReference } from "../../worker-reference.js";
import { bundleHash } from "../bundle.js";
import { ollamaContainer, ollamaUrlInContainer, workerContainer } from "./containers.js";
import { dockerEngineSchema, engineProvider, localEngine, type DockerEngine } from "./engine.js";
import { BadDockerHost } from "./errors.js";
import { ollamaRecipe, rootInContainer, workerRecipe, writeContext, type ImageRecipe } from "./image.js";
import type { HostResource } from "../host-resource.js";
import type { Endpoint, Gpu } from "../runtime-args.js";

/** Arguments of {@link DockerHost}. */
export interface DockerHostArgs {
  /** The host's name; secrets are bound to it. Default: the resource's name. */
  readonly host?: string;
  /** The engine. Default: this machine's. */
  readonly engine?: DockerEngine;
  /** Ollama's image, best with its digest: `ollama/ollama:0.14.2@sha256:…`. */
  readonly ollamaImage: string;
  /** The GPUs that Ollama gets. Computing on the CPU has to be asked for. */
  readonly gpu: "all" | "none";
  /** Of the engine's GPUs those that Ollama uses, by their indexes or by their UUIDs (`nvidia-smi -L`). Default: all. */
  readonly gpus?: readonly string[];
  /** Most memory that Ollama may take; models have to fit (MiB). */
  readonly ollamaMemoryMiB: number;
  /** Most memory that the worker's own container may take (MiB). Default 1024. */
  readonly workerMemoryMiB?: number;
  /** What the worker's image is built on: glibc and libstdc++ are needed. Best with its digest. Default `debian:bookworm-slim`. */
  readonly baseImage?: string;
  /** What the names of containers, volumes, network and images begin with. Default `lightchain-` and the host's name. */
  readonly prefix?: string;
  /** Tokens of context models are loaded with. Default 0: the model's own. */
  readonly contextLength?: number;
  /** Folder of the worker bundle. Default: the one this package was built with. */
  readonly bundle?: string;
  /** How long running jobs may take when the container is stopped (ms); the sidecar's own setting. Default 240,000. */
  readonly shutdownMs?: number;
  /** Models that workers will serve here, by the network's names: the host is held against them. Default: none. */
  readonly models?: readonly string[];
  /** Where those workers will ask, as the containers reach it. Default: nothing is asked. */
  readonly endpoints?: readonly Endpoint[];
  /** What has to be over before anything is made. Default: nothing. */
  readonly ready?: pulumi.Output<unknown>;
}

/** Everything checked and filled in. */
export interface ResolvedDockerHost extends Required<
  Omit<DockerHostArgs, "host" | "shutdownMs" | "ready" | "models" | "endpoints">
> {
  readonly name: string;
  readonly stopSeconds: number;
}

const image = z
  .string()
  .regex(/^[a-z0-9][A-Za-z0-9._/:@-]*$/, "is no name of an image, such as ollama/ollama:0.14.2@sha256:…");
const mebibytes = z.number().int().min(128, "is too little: at least 128");
const argumentsSchema = {
  engine: dockerEngineSchema,
  ollamaImage: image,
  gpu: z.enum(["all", "none"], "is neither all nor none"),
  gpus: someGpusSchema,
  ollamaMemoryMiB: mebibytes,
  workerMemoryMiB: mebibytes,
  baseImage: image,
  prefix: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,80}$/, "is not letters, digits, dots and dashes, at most 81"),
  contextLength: z.number().int().nonnegative(),
  shutdownMs: z.number().int().nonnegative(),
};

/** Fills in every default and checks every value. Pure. @throws BadDockerHost LF1587, with the first thing wrong */
export function resolveDockerHost(name: string, args: DockerHostArgs): ResolvedDockerHost {
  const check = <K extends keyof typeof argumentsSchema>(
    key: K,
    value: unknown,
  ): z.infer<(typeof argumentsSchema)[K]> => {
    const parsed = argumentsSchema[key].safeParse(value);
    if (parsed.success) return parsed.data as z.infer<(typeof argumentsSchema)[K]>;
    const why =
      value === undefined
        ? "is missing"
        : `(${JSON.stringify(value)}) ${parsed.error.issues[0]?.message ?? "is wrong"}`;
    throw new BadDockerHost(name, key, why);
  };
  if (args.gpu === "none" && args.gpus !== undefined)
    throw new BadDockerHost(name, "gpus", 'has no meaning beside gpu: "none"');
  const host = args.host ?? name;
  return {
    name: host,
    engine: check("engine", args.engine ?? localEngine),
    ollamaImage: check("ollamaImage", args.ollamaImage),
    gpu: check("gpu", args.gpu),
    gpus: args.gpus === undefined ? [] : check("gpus", args.gpus),
    ollamaMemoryMiB: check("ollamaMemoryMiB", args.ollamaMemoryMiB),
    workerMemoryMiB: check("workerMemoryMiB", args.workerMemoryMiB ?? 1_024),
    baseImage: check("baseImage", args.baseImage ?? "debian:bookworm-slim"),
    prefix: check("prefix", args.prefix ?? `lightchain-${host}`),
    contextLength: check("contextLength", args.contextLength ?? 0),
    bundle: args.bundle ?? compiled("bundle"),
    // the sidecar's jobs, what its supervisor gives it beyond, and a margin for the engine
    stopSeconds: Math.ceil(check("shutdownMs", args.shutdownMs ?? 240_000) / 1_000) + 60,
  };
}

/**
 * Two containers as a worker's host: Ollama, and beside it the supervisor with the sidecar, on a network of their own. What may be seen is Docker's own resources; the worker's
 * keys are sealed to a key that is made in the container's volume, and reach it through no setting, label, variable or layer.
 *
 * **Cost**: none beyond the machine. A change that replaces the worker's container stops it first, and lets running jobs finish.
 *
 * @example
 * new DockerHost("home", { ollamaImage: "ollama/ollama:0.14.2@sha256:…", gpu: "all", ollamaMemoryMiB: 16_384 });
 */
export class DockerHost extends pulumi.ComponentResource implements HostResource {
  /** How other resources reach it; see {@link HostReference}. */
  readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers, as seen from the worker's container. */
  readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: DockerHostArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("lightchain:fleet:DockerHost", name, {}, opts);
    const host = resolveDockerHost(name, args);
    const named = (part: string): pulumi.Output<string> =>
      (args.ready ?? pulumi.output(undefined)).apply(() => `${host.prefix}-${part}`);
    const dependsOn = opts.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn };
    const provider = new Provider(`${name}-engine`, engineProvider(host.engine), { parent: this, ...dependsOn });
    const child = { parent: this, provider, ...dependsOn };
    const fixed = { ...child, deleteBeforeReplace: true }; // its name is taken until it is gone

    const recipes = { worker: workerRecipe(host.baseImage, bundleOf(host)), ollama: ollamaRecipe(host.ollamaImage) };
    const images = {
      worker: buildImage(`${name}-worker-image`, named("worker"), contextOf(host, recipes.worker), child),
      ollama: buildImage(`${name}-ollama-image`, named("ollama"), contextOf(host, recipes.ollama), child),
    };
    const labels = [{ label: "ai.lightchain.fleet", value: "host" }];
    const network = new Network(`${name}-network`, { name: named("network"), labels }, fixed);
    const state = new Volume(`${name}-state`, { name: named("state"), labels }, fixed);
    const models = new Volume(`${name}-models`, { name: named("models"), labels }, fixed);
    const parts = { network: network.name, stopSeconds: host.stopSeconds };
    const ollama = new Container(
      `${name}-ollama`,
      ollamaContainer({
        ...{ ...parts, stopSeconds: ollamaStopSeconds, name: named("ollama"), volume: models.name },
        ...{
          image: images.ollama.imageId,
          memoryMiB: host.ollamaMemoryMiB,
          gpu: host.gpu,
          gpus: host.gpus,
          contextLength: host.contextLength,
        },
      }),
      fixed,
    );
    const worker = new Container(
      `${name}-worker`,
      workerContainer({
        ...{ ...parts, name: named("worker"), volume: state.name },
        ...{ image: images.worker.imageId, memoryMiB: host.workerMemoryMiB },
      }),
      { ...fixed, dependsOn: [ollama] }, // and so is stopped before it: its last jobs need Ollama
    );
    const machine = new DockerMachine(
      `${name}-machine`,
      {
        name: host.name,
        engine: host.engine,
        container: worker.name,
        volume: state.name,
        ollamaContainer: ollama.name,
        containers: pulumi.interpolate`${worker.id} ${ollama.id}`,
        gpu: host.gpu === "all" ? "required" : "none",
        contextLength: host.contextLength,
        models: args.models ?? [],
        endpoints: args.endpoints ?? [],
        bundle: host.bundle,
      },
      { parent: this, dependsOn: [worker, ollama] },
    );
    this.reference = machine.reference;
    this.bundleHash = machine.bundleHash;
    this.ollamaUrl = machine.ollamaUrl;
    this.registerOutputs({ ollamaUrl: this.ollamaUrl });
  }
}

/** Ollama has nothing to finish once its only asker has ended. */
const ollamaStopSeconds = 20;

const bundleOf = ({ bundle }: ResolvedDockerHost): { folder: string; hash: string } => ({
  folder: bundle,
  hash: bundleHash(bundle),
});

/**
 * An image that the engine builds, and lets go of again with the resource: `docker.Image` would leave it there. Its name says where it was built from: the provider makes
 * another image of another folder, and then removes the former by its name, which so has to be another one.
 */
function buildImage(
  name: string,
  repository: pulumi.Output<string>,
  context: string,
  opts: pulumi.CustomResourceOptions,
): RemoteImage {
  const tag = createHash("sha256").update(context).digest("hex").slice(0, 16);
  return new RemoteImage(
    name,
    { name: repository.apply((text) => `${text.toLowerCase()}:${tag}`), build: { context, dockerfile: "Dockerfile" } },
    opts,
  );
}

/** The folder of a recipe, beside the bundle. Relative, as providers are started in the program's folder: where a checkout lies must make no difference. */
const contextOf = ({ bundle }: ResolvedDockerHost, recipe: ImageRecipe): string =>
  relative(process.cwd(), writeContext(join(dirname(bundle), "image"), recipe));

/** What {@link DockerMachine} is made of. */
interface DockerMachineArgs {
  readonly name: string;
  readonly engine: DockerEngine;
  readonly container: pulumi.Input<string>;
  readonly volume: pulumi.Input<string>;
  readonly ollamaContainer: pulumi.Input<string>;
  /** The containers' ids: others are looked after anew. */
  readonly containers: pulumi.Input<string>;
  readonly gpu: Gpu;
  readonly contextLength: number;
  readonly models: readonly string[];
  readonly endpoints: readonly Endpoint[];
  readonly bundle: string;
}

/** The host inside the containers: its document, its key, its facts. */
class DockerMachine extends LateResource {
  declare readonly reference: pulumi.Output<HostReference>;
  declare readonly bundleHash: pulumi.Output<string>;
  declare readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: DockerMachineArgs, opts: pulumi.CustomResourceOptions) {
    const computed = { reference: undefined, bundleHash: undefined, ollamaUrl: undefined, facts: undefined };
    super(
      "dockerHost",
      "DockerHost",
      name,
      {
        kind: "docker",
        root: rootInContainer,
        ollama: ollamaUrlInContainer,
        ...args,
        // Named by content, so that a rebuilt bundle is a change that Pulumi sees.
        wantedBundle: bundleHash(args.bundle),
        ...computed,
      },
      opts,
    );
  }
}
