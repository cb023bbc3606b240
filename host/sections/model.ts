import { Ollama } from "ollama";
import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import type { Gpu, ModelReport, ModelSection, RuntimeSection } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import { readIfPresent, writeAtomically } from "../../system/files.js";
import { gpuMemoryInUse } from "../gpus.js";
import { isBrokenDownload } from "./broken-download.js";
import { isSameModel } from "./model-names.js";
import { digestsAtSource } from "./registry.js";
import {
  alias,
  findModel,
  forgetModel,
  listModels,
  pullAccepted,
  undoInterrupted,
  type HeldModel,
} from "./model-store.js";

/** LF1304: plain HTTP was asked for to a registry that is not on this machine. */
export class InsecureRegistry extends FleetError {
  constructor(source: string) {
    super("LF1304", `"${source}" would be pulled over plain HTTP from another machine.`, {
      fix: "leave insecure out; only a registry on 127.0.0.1 may do without TLS.",
    });
  }
}
/** LF1305: what a model's source serves now is not what the model is held to. Whatever ran before goes on running. */
export class ModelMoved extends FleetError {
  constructor(model: string, held: { digest: string; by: string }, found: string) {
    super(
      "LF1305",
      `Model ${model} is held to digest ${held.digest} by ${held.by}, but its source now has ${found}. Nothing was changed.`,
      { fix: `if the new one is meant, set the model's digest to ${found}, then run pulumi up.` },
    );
  }
}
/** LF1308: Ollama cannot get or run a model. */
export class ModelFailed extends FleetError {
  constructor(model: string, doing: string, cause: unknown) {
    super(
      "LF1308",
      `Model ${model} could not be ${doing}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        fix: isBrokenDownload(cause)
          ? "restart its Ollama, which then forgets what a full disk left of a download, and run pulumi up again."
          : "check the model's source and the free disk and memory of the host, then run pulumi up again.",
        cause,
      },
    );
  }
}

/** LF1355: a model that must run on the GPU was loaded into the machine's memory, or most of it was: it would answer too late. Nothing is staked on it. */
export class NotOnGpu extends FleetError {
  constructor(model: string, { onGpu, claimedBytes }: Loaded, inUseBytes: number | undefined) {
    const inMiB = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB`;
    const how =
      onGpu === null
        ? "is not loaded"
        : onGpu < mostly || inUseBytes === undefined
          ? `is only ${Math.round(onGpu * 100)} % on the GPU`
          : `is not on the GPU: Ollama says that it holds ${inMiB(claimedBytes)} there, but of the GPU's memory ${inMiB(inUseBytes)} are in use, so its CUDA library is missing or fails, and it computes on the CPU`;
    super("LF1355", `Model ${model} ${how}, though this host's GPU is required.`, {
      fix: 'nvidia-smi: see that the driver answers and nothing else takes the memory, and that this Ollama was installed with its CUDA libraries (lib/ollama beside its bin), restart it, then pulumi up; for the CPU set gpu: "none".',
    });
  }
}

/** Share of a model that must be in the GPU's memory: with less the CPU sets the pace. */
const mostly = 0.9;

/** Where Ollama says that it has loaded a model. */
interface Loaded {
  /** Share in the GPU's memory; `null`: not loaded. */
  readonly onGpu: number | null;
  /** What all its models together hold of the GPU's memory. */
  readonly claimedBytes: number;
}

/**
 * Whether a model that was loaded runs where it must. Ollama's account is what it planned before it loaded the model: with no CUDA library that works it computes on the CPU and
 * says the same. So no less than half of it must be in use by the driver's account, where that is known; what others use there counts too. Pure.
 */
export const runsWhereItMust = (gpu: Gpu, { onGpu, claimedBytes }: Loaded, inUseBytes: number | undefined): boolean =>
  gpu === "none" || (onGpu !== null && onGpu >= mostly && (inUseBytes ?? claimedBytes) >= claimedBytes / 2);

/** `models.lock`: the digest each source was first pulled with. */
const lockSchema = z.record(z.string(), z.string());

/** Pulls, aliases, checks, loads and tries a model. What already holds is not done again. @throws InsecureRegistry, ModelMoved, ModelFailed, NotOnGpu */
export async function ensureModel(
  section: ModelSection,
  { url, models }: { readonly url: string; readonly models: string },
  lockFile: string,
  { gpu, gpus }: Pick<RuntimeSection, "gpu" | "gpus">,
): Promise<{ report: ModelReport; changes: string[] }> {
  if (section.insecure && !/^(127\.0\.0\.1|localhost)[:/]/.test(section.source))
    throw new InsecureRegistry(section.source);
  const ollama = new Ollama({ host: url });
  const lock = lockSchema.parse(JSON.parse((await readIfPresent(lockFile)) ?? "{}"));
  const locked = lock[lockKey(section)];
  const held =
    section.digest !== null
      ? { digest: section.digest, by: "its configuration" }
      : locked === undefined
        ? null
        : { digest: locked, by: lockFile };

  const { there, changes } = await attempt(section.name, "set up", () => bringIn(ollama, { ...section, models }, held));
  if (locked !== there.digest) {
    await writeAtomically(lockFile, toJson({ ...lock, [lockKey(section)]: there.digest }), "private");
    changes.push(`locked model ${section.name} to ${there.digest.slice(0, 12)}`);
  }
  const [{ claimedBytes, ...tried }, moved] = await Promise.all([
    attempt(section.name, "run", () => tryOut(ollama, section.name)),
    changes.length === 0 ? movedTo(section, there.digest) : null, // what was pulled just now is what its source has
  ]);
  const loaded = { onGpu: tried.onGpu, claimedBytes };
  const inUse = gpu === "none" ? undefined : await gpuMemoryInUse(gpus);
  if (!runsWhereItMust(gpu, loaded, inUse)) throw new NotOnGpu(section.name, loaded, inUse);
  return { report: { name: section.name, digest: there.digest, sizeBytes: there.sizeBytes, ...tried, moved }, changes };
}

/** Sees to it that the name stands for the model it is held to, at the least cost: it does, another name does, or it is pulled. */
async function bringIn(
  ollama: Ollama,
  { name, source, insecure, models }: ModelSection & { readonly models: string },
  held: { digest: string; by: string } | null,
): Promise<{ there: HeldModel; changes: string[] }> {
  const fits = (digest: string): boolean => held === null || digest === held.digest;
  await undoInterrupted(ollama, { source, name });
  const there = await findModel(ollama, name);
  if (there && fits(there.digest)) return { there, changes: [] };
  const twin = held && (await listModels(ollama)).find((one) => one.digest === held.digest);
  if (twin) {
    await alias(ollama, twin.name, name);
    return { there: twin, changes: [`gave model ${twin.name} the name ${name}`] };
  }
  const came = await pullAccepted(ollama, { source, name, insecure, models }, fits);
  if (held && !fits(came.digest)) throw new ModelMoved(name, held, came.digest);
  return { there: came, changes: [`pulled model ${name}`] };
}

/** What a model's source has now, where that is another one than what runs: told, and never pulled by itself. */
async function movedTo(section: ModelSection, held: string): Promise<string | null> {
  const [now, ...others] = await digestsAtSource(section);
  return now === undefined || [now, ...others].includes(held) ? null : now;
}

/** A loopback registry's port is chance; the rest of the source is what was meant. */
const lockKey = (section: ModelSection): string =>
  `${section.name} ${section.source.replace(/^(127\.0\.0\.1|localhost):\d+\//, "")}`;

/** Takes a model away; its weights go when nothing else uses them. @returns whether it was there */
export async function removeModel(model: { name: string; source: string }, url: string): Promise<boolean> {
  const ollama = new Ollama({ host: url });
  return attempt(model.name, "removed", async () => {
    await undoInterrupted(ollama, model);
    return forgetModel(ollama, model.name);
  });
}

/** Loads a model for good and has it answer, the way a job would ask. */
async function tryOut(ollama: Ollama, name: string): Promise<Pick<ModelReport, "tokensPerSecond" | "sample"> & Loaded> {
  const answer = await ollama.generate({
    model: name,
    prompt: "Say hello.",
    stream: false,
    keep_alive: -1,
    options: { temperature: 0, seed: 42, num_predict: 32 },
  });
  const { models } = await ollama.ps();
  const loaded = models.find((one) => isSameModel(one.name, name));
  const seconds = answer.eval_duration / 1e9;
  return {
    claimedBytes: models.reduce((sum, one) => sum + one.size_vram, 0),
    onGpu: loaded === undefined || loaded.size === 0 ? null : loaded.size_vram / loaded.size,
    tokensPerSecond: seconds > 0 ? Math.round((answer.eval_count / seconds) * 10) / 10 : 0,
    sample: (answer.response ?? "").trim().slice(0, 200),
  };
}

async function attempt<T>(model: string, doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FleetError) throw error;
    throw new ModelFailed(model, doing, error);
  }
}
