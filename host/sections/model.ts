import { Ollama } from "ollama";
import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import type { ModelReport, ModelSection } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import { readIfPresent, writeAtomically } from "../../system/files.js";

/** LF1304: plain HTTP was asked for to a registry that is not on this machine. */
export class InsecureRegistry extends FleetError {
  constructor(source: string) {
    super("LF1304", `"${source}" would be pulled over plain HTTP from another machine.`, {
      fix: "leave insecure out; only a registry on 127.0.0.1 may do without TLS.",
    });
  }
}
/** LF1305: a model's digest is not the one it is held to. */
export class ModelMoved extends FleetError {
  constructor(model: string, held: string, found: string, lock: string) {
    super("LF1305", `Model ${model} now has digest ${found}, but it is held to ${held}.`, {
      fix: `if the new one is meant: set its digest to ${found}, or remove it from ${lock}, then run pulumi up.`,
    });
  }
}
/** LF1308: Ollama cannot get or run a model. */
export class ModelFailed extends FleetError {
  constructor(model: string, doing: string, cause: unknown) {
    super(
      "LF1308",
      `Model ${model} could not be ${doing}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      {
        fix: "check the model's source and the free disk and memory of the host, then run pulumi up again.",
        cause,
      },
    );
  }
}

/** `models.lock`: the digest each source was first pulled with. */
const lockSchema = z.record(z.string(), z.string());

/** Pulls, aliases, checks, loads and tries a model. What already holds is not done again. */
export async function ensureModel(
  section: ModelSection,
  url: string,
  lockFile: string,
): Promise<{ report: ModelReport; changes: string[] }> {
  if (section.insecure && !/^(127\.0\.0\.1|localhost)[:/]/.test(section.source))
    throw new InsecureRegistry(section.source);
  const ollama = new Ollama({ host: url });
  const changes: string[] = [];
  const lock = lockSchema.parse(JSON.parse((await readIfPresent(lockFile)) ?? "{}"));
  const held = section.digest ?? lock[lockKey(section)] ?? null;

  let there = await find(ollama, section.name);
  if (there === undefined || (held !== null && there.digest !== held)) {
    await attempt(section.name, "pulled", async () => {
      await ollama.pull({ model: section.source, insecure: section.insecure, stream: false });
      if (section.source !== section.name) await ollama.copy({ source: section.source, destination: section.name });
    });
    changes.push(`pulled model ${section.name}`);
    there = await find(ollama, section.name);
  }
  if (there === undefined) throw new ModelFailed(section.name, "found after its pull", "Ollama does not list it");
  if (held !== null && there.digest !== held) {
    await ollama.delete({ model: section.name });
    throw new ModelMoved(section.name, held, there.digest, lockFile);
  }
  if (lock[lockKey(section)] !== there.digest) {
    await writeAtomically(lockFile, toJson({ ...lock, [lockKey(section)]: there.digest }), "private");
    changes.push(`locked model ${section.name} to ${there.digest.slice(0, 12)}`);
  }
  const tried = await attempt(section.name, "run", () => tryOut(ollama, section.name));
  return { report: { name: section.name, digest: there.digest, sizeBytes: there.size, ...tried }, changes };
}

const lockKey = (section: ModelSection): string =>
  `${section.name} ${section.source.replace(/^(127\.0\.0\.1|localhost):\d+\//, "")}`;

/** Takes a model away; its weights go when nothing else uses them. @returns whether it was there */
export async function removeModel(name: string, source: string | undefined, url: string): Promise<boolean> {
  const ollama = new Ollama({ host: url });
  const there = await find(ollama, name);
  for (const one of new Set([name, source])) {
    if (one !== undefined && (await find(ollama, one)) !== undefined) await ollama.delete({ model: one });
  }
  return there !== undefined;
}

/** Ollama lists a name without a tag as `<name>:latest`. */
async function find(ollama: Ollama, name: string): Promise<{ digest: string; size: number } | undefined> {
  const { models } = await ollama.list();
  return models.find((one) => one.name === name || one.name === `${name}:latest`);
}

/** Loads a model for good and has it answer, the way a job would ask. */
async function tryOut(
  ollama: Ollama,
  name: string,
): Promise<Pick<ModelReport, "onGpu" | "tokensPerSecond" | "sample">> {
  const answer = await ollama.generate({
    model: name,
    prompt: "Say hello.",
    stream: false,
    keep_alive: -1,
    options: { temperature: 0, seed: 42, num_predict: 32 },
  });
  const loaded = (await ollama.ps()).models.find((one) => one.name === name || one.name === `${name}:latest`);
  const seconds = answer.eval_duration / 1e9;
  return {
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
