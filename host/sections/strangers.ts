import { Ollama } from "ollama";
import type { HostDocument } from "../../schema/host.js";
import { namedModels } from "../document.js";
import { isAside, isSameModel } from "./model-names.js";
import { forgetModel, listModels } from "./model-store.js";

/** Models that no section names, by the names that our Ollama lists. What is kept aside while a model is changed is nobody's. Pure. */
export function strangersAmong(listed: readonly string[], document: HostDocument): string[] {
  const named = [...namedModels(document)];
  return listed.filter((name) => !isAside(name) && !named.some((one) => isSameModel(one, name)));
}

/** Looks for models that no section names, and removes them where every owner of the runtime asks for that. */
export async function lookForStrangers(
  document: HostDocument,
  url: string,
): Promise<{ strangers: string[]; changes: string[] }> {
  const ollama = new Ollama({ host: url });
  const strangers = strangersAmong(
    (await listModels(ollama)).map(({ name }) => name),
    document,
  );
  const owners = Object.values(document.runtime);
  if (owners.length === 0 || owners.some(({ strangers: policy }) => policy !== "remove"))
    return { strangers, changes: [] };
  for (const name of strangers) await forgetModel(ollama, name);
  return { strangers: [], changes: strangers.map((name) => `removed stranger ${name}`) };
}
