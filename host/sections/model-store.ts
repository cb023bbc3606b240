import type { Ollama } from "ollama";
import { forgetBrokenDownloads, isBrokenDownload } from "./broken-download.js";
import { asideName, isSameModel } from "./model-names.js";

/** A model as Ollama holds it. */
export interface HeldModel {
  readonly name: string;
  /** SHA-256 of its manifest, 64 hex digits. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** All models of an Ollama. */
export async function listModels(ollama: Ollama): Promise<HeldModel[]> {
  return (await ollama.list()).models.map(({ name, digest, size }) => ({ name, digest, sizeBytes: size }));
}
/** A model as Ollama holds it; `undefined` when it has none of that name. */
export const findModel = async (ollama: Ollama, name: string): Promise<HeldModel | undefined> =>
  (await listModels(ollama)).find((one) => isSameModel(one.name, name));

/**
 * Pulls `source`; when `accept` says yes to what came, it is called `name`, and otherwise nothing has changed.
 *
 * Ollama's own pull replaces at once whatever stood under the source's name, which may be a model that serves jobs. So that one is kept aside
 * until the new one is accepted, and {@link undoInterrupted} brings it back when this process does not get that far.
 * @param pull.models the folder of Ollama's models, where it is one of ours
 * @returns what came
 */
export async function pullAccepted(
  ollama: Ollama,
  pull: { source: string; name: string; insecure: boolean; models: string },
  accept: (digest: string) => boolean,
): Promise<HeldModel> {
  const { source, name, insecure, models } = pull;
  const aside = asideName(source, "before");
  if (await findModel(ollama, source)) await ollama.copy({ source, destination: aside });
  let accepted = false;
  try {
    const pulled = async (): Promise<void> => {
      // Streamed: without a stream the answer's first byte comes after the whole download, long after fetch has given up.
      await toItsEnd(await ollama.pull({ model: source, insecure, stream: true }));
    };
    await pulled().catch(async (error: unknown) => {
      if (!isBrokenDownload(error) || !(await forgetBrokenDownloads(models))) throw error;
      await pulled();
    });
    const came = await findModel(ollama, source);
    if (came === undefined) throw new Error(`Ollama pulled ${source} and does not list it`);
    accepted = accept(came.digest);
    if (accepted && !isSameModel(source, name)) await alias(ollama, source, name);
    return came;
  } finally {
    if (accepted && isSameModel(source, name)) await forgetModel(ollama, aside);
    else await bringBack(ollama, source);
  }
}

/** Ends what an interrupted {@link pullAccepted} or {@link alias} left: each name stands for what it stood for before. */
export async function undoInterrupted(
  ollama: Ollama,
  { source, name }: { source: string; name: string },
): Promise<void> {
  if (await findModel(ollama, asideName(source, "before"))) await bringBack(ollama, source);
  await forgetModel(ollama, asideName(name, "replaced"));
}

/** Gives `to` the model that is called `from`. What `to` stood for is let go, weights and all, once `to` stands for the new one. */
export async function alias(ollama: Ollama, from: string, to: string): Promise<void> {
  const replaced = asideName(to, "replaced");
  if (await findModel(ollama, to)) await ollama.copy({ source: to, destination: replaced });
  await ollama.copy({ source: from, destination: to });
  await forgetModel(ollama, replaced);
}

/** Takes a name away; weights go when no other name stands for them. @returns whether it was there */
export async function forgetModel(ollama: Ollama, name: string): Promise<boolean> {
  const there = (await findModel(ollama, name)) !== undefined;
  if (there) await ollama.delete({ model: name });
  return there;
}

async function bringBack(ollama: Ollama, source: string): Promise<void> {
  const aside = asideName(source, "before");
  if (await findModel(ollama, aside)) {
    await ollama.copy({ source: aside, destination: source });
    await forgetModel(ollama, aside);
  } else await forgetModel(ollama, source);
}

async function toItsEnd(stream: AsyncIterable<unknown>): Promise<void> {
  for (const parts = stream[Symbol.asyncIterator](); (await parts.next()).done !== true;);
}
