import { documentSchema, type HostDocument, type Section } from "../schema/host.js";
import { toJson } from "../schema/json.js";
import { FleetError } from "../schema/errors.js";
import { readIfPresent, writeAtomically } from "../system/files.js";

/** One section of the document, set or (with `null`) taken out. */
export interface SectionChange {
  /** Whose section: a worker, or for the runtime whoever needs it. */
  readonly worker: string;
  readonly section: Section["kind"];
  /** Which model, for `section: "model"`. */
  readonly name: string | undefined;
  readonly desired: Section | null;
}

/** LF1333: two owners want the one runtime of a host differently. */
export class RuntimeDisagreement extends FleetError {
  constructor(owner: string, other: string) {
    super("LF1333", `"${owner}" and "${other}" want different settings for the Ollama they share.`, {
      fix: "give both the same runtime settings, or one of them another host.",
    });
  }
}

export const emptyDocument: HostDocument = { version: 1, runtime: {}, workers: {} };
export const isEmpty = (document: HostDocument): boolean =>
  Object.keys(document.runtime).length === 0 && Object.keys(document.workers).length === 0;

/** The document with one section changed. Pure. @throws RuntimeDisagreement */
export function withSection(document: HostDocument, change: SectionChange): HostDocument {
  const { desired } = change;
  if (change.section === "runtime") {
    const runtime = without(document.runtime, change.worker);
    if (desired?.kind !== "runtime") return { ...document, runtime };
    const other = Object.entries(runtime).find(([, section]) => toJson(section) !== toJson(desired));
    if (other) throw new RuntimeDisagreement(change.worker, other[0]);
    return { ...document, runtime: { ...runtime, [change.worker]: desired } };
  }
  const before = document.workers[change.worker] ?? { models: {}, service: null };
  const after =
    change.section === "service"
      ? { ...before, service: desired?.kind === "service" ? desired : null }
      : {
          ...before,
          models:
            desired?.kind === "model"
              ? { ...before.models, [desired.name]: desired }
              : without(before.models, change.name ?? ""),
        };
  const workers = without(document.workers, change.worker);
  const empty = after.service === null && Object.keys(after.models).length === 0;
  return { ...document, workers: empty ? workers : { ...workers, [change.worker]: after } };
}

/** Whether any worker of the host still wants the model. */
export const isModelWanted = (document: HostDocument, name: string): boolean =>
  Object.values(document.workers).some((worker) => Object.hasOwn(worker.models, name));

export async function readDocument(path: string): Promise<HostDocument> {
  const text = await readIfPresent(path);
  return text === undefined ? emptyDocument : documentSchema.parse(JSON.parse(text));
}
export const writeDocument = (path: string, document: HostDocument): Promise<void> =>
  writeAtomically(path, toJson(document), "private");

const without = <V>(record: Readonly<Record<string, V>>, key: string): Record<string, V> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
