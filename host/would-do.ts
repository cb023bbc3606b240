import { existsSync } from "node:fs";
import { Ollama } from "ollama";
import { isExternal, type HostDocument, type ModelSection } from "../schema/host.js";
import type { Machine, ReconcileRequest } from "./reconcile.js";
import { bundleHashOf } from "./own-bundle.js";
import { findModel } from "./sections/model-store.js";
import { releaseFolder, isInstalled } from "./sections/ollama-release.js";
import { ollamaUnitName, ollamaUrl } from "./sections/ollama-unit.js";
import { sidecarUnitName } from "./sections/service.js";

/** What the machine itself lacks of one wanted section, whatever the document said before. Looks, and changes nothing. */
export async function wouldDo(
  { desired, worker }: ReconcileRequest,
  wanted: HostDocument,
  { layout, services, bundle }: Machine,
): Promise<string[]> {
  if (desired === null) return [];
  const runs = async (unit: string): Promise<boolean> => (await services.status(unit))?.state === "running";
  const isHere = async (hash: string): Promise<boolean> =>
    existsSync(layout.bundle(hash)) || (await bundleHashOf(bundle)) === hash;
  switch (desired.kind) {
    case "runtime": {
      const { ollama } = desired;
      if (isExternal(ollama)) return []; // for others to run
      const isThere = typeof ollama === "string" || (await isInstalled(releaseFolder(layout, ollama), ollama));
      return [
        ...(isThere ? [] : [`download Ollama ${ollama.version}`]),
        ...((await runs(ollamaUnitName)) ? [] : ["start Ollama"]),
      ];
    }
    case "model":
      return (await holds(wanted, desired)) ? [] : [`pull model ${desired.name}`];
    case "service":
      return [
        ...((await isHere(desired.bundle)) ? [] : [`bundle ${desired.bundle.slice(0, 14)}… is not here`]),
        ...((await runs(sidecarUnitName(worker))) ? [] : [`start worker ${worker}`]),
      ];
  }
}

async function holds({ runtime }: HostDocument, { name, digest }: ModelSection): Promise<boolean> {
  const url = Object.values(runtime).map(ollamaUrl)[0];
  if (url === undefined) return false;
  try {
    const held = await findModel(new Ollama({ host: url }), name);
    return held !== undefined && (digest === null || held.digest === digest);
  } catch {
    return false; // an Ollama that does not run holds nothing that anybody can use
  }
}
