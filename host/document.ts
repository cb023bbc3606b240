import { documentSchema, type HostDocument, type ModelSection, type Section } from "../schema/host.js";
import type { ServiceSection } from "../schema/host.js";
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

/** LF1312: the Ollama of a worker was to go while its sidecar still runs: an interrupted run made it, and Pulumi does not know of it. */
export class StillServed extends FleetError {
  constructor(workers: readonly string[]) {
    const who = workers.join(" and ");
    super("LF1312", `The service of ${who} still runs here, though the stack does not know of it: a run was killed.`, {
      fix: "take it up again with pulumi up, and then: pulumi destroy",
    });
  }
}

/** What is asked of a host of which nothing is asked. */
export const emptyDocument: HostDocument = { version: 1, runtime: {}, workers: {} };
/** Whether nothing is asked any more, so that nothing of ours has to stay. */
export const isEmpty = (document: HostDocument): boolean =>
  Object.keys(document.runtime).length === 0 && Object.keys(document.workers).length === 0;

/** The document with one section changed. Pure. @throws RuntimeDisagreement, StillServed */
export function withSection(document: HostDocument, change: SectionChange): HostDocument {
  const { desired } = change;
  if (change.section === "runtime") {
    const runtime = without(document.runtime, change.worker);
    if (desired?.kind !== "runtime") return withRuntime(document, runtime);
    const other = Object.entries(runtime).find(([, section]) => toJson(section) !== toJson(desired));
    if (other) throw new RuntimeDisagreement(change.worker, other[0]);
    return { ...document, runtime: { ...runtime, [change.worker]: desired } };
  }
  const before = document.workers[change.worker] ?? nobody;
  if (change.section === "service")
    return withWorker(document, change.worker, withService(before, desired?.kind === "service" ? desired : null));
  const name = change.name ?? "";
  if (desired?.kind === "model")
    return withWorker(document, change.worker, {
      ...before,
      models: { ...before.models, [desired.name]: desired },
      retired: without(before.retired, desired.name),
    });
  const taken = before.models[name];
  return withWorker(document, change.worker, {
    ...before,
    models: without(before.models, name),
    retired: taken === undefined ? before.retired : { ...before.retired, [name]: taken },
  });
}

/** Models go with the last runtime: a run that was killed may have left some that nobody will ask to remove. */
function withRuntime(document: HostDocument, runtime: HostDocument["runtime"]): HostDocument {
  if (Object.keys(runtime).length > 0) return { ...document, runtime };
  const served = Object.entries(document.workers).flatMap(([name, { service }]) => (service === null ? [] : [name]));
  if (served.length > 0) throw new StillServed(served);
  return emptyDocument;
}

type WorkerEntry = HostDocument["workers"][string];
const nobody: WorkerEntry = { models: {}, retired: {}, service: null, fallback: null, previousBundle: null };

/** What served before a trial that was cut off is still what is put back; going back to it by hand puts nothing on trial. */
function withService(before: WorkerEntry, service: ServiceSection | null): WorkerEntry {
  if (service === null) return { ...before, service, fallback: null, previousBundle: null };
  return { ...before, service, fallback: before.fallback?.bundle === service.bundle ? null : before.fallback };
}

/** Whether a change brings another bundle, so that what serves now is to be kept in case it fails. Pure. */
export function bringsAnotherBundle(before: HostDocument, after: HostDocument, worker: string): boolean {
  const [was, is] = [before.workers[worker], after.workers[worker]];
  if (was?.service == null || is?.service == null || is.fallback !== null) return false;
  return was.service.bundle !== is.service.bundle && was.fallback === null;
}

/** The document in which what served `before` is put back if the new bundle does not answer. Pure. */
export function onTrial(before: HostDocument, after: HostDocument, worker: string): HostDocument {
  const [fallback, entry] = [before.workers[worker]?.service ?? null, after.workers[worker]];
  return entry === undefined ? after : withWorker(after, worker, { ...entry, fallback });
}

/** The document after a new bundle has proven itself, or has been replaced by the one before. Pure. */
export function afterTrial(document: HostDocument, worker: string, outcome: "proven" | "rolled back"): HostDocument {
  const entry = document.workers[worker];
  if (entry?.fallback == null) return document;
  const { fallback } = entry;
  return withWorker(
    document,
    worker,
    outcome === "proven"
      ? { ...entry, fallback: null, previousBundle: fallback.bundle }
      : { ...entry, service: fallback, fallback: null, previousBundle: null },
  );
}

/** Every bundle that somebody runs, ran before, or goes back to. Pure. */
export const namedBundles = (document: HostDocument): Set<string> =>
  new Set(
    Object.values(document.workers).flatMap(({ service, fallback, previousBundle }) =>
      [service?.bundle, fallback?.bundle, previousBundle].filter((hash) => hash != null),
    ),
  );

/** Every model that a section names: what our Ollama holds beside these is a stranger's. Pure. */
export const namedModels = (document: HostDocument): Set<string> =>
  new Set(
    Object.values(document.workers).flatMap(({ models, retired, service, fallback }) => [
      ...Object.keys(models),
      ...Object.keys(retired),
      ...(service?.settings.models ?? []),
      ...(fallback?.settings.models ?? []),
    ]),
  );

function withWorker(document: HostDocument, name: string, entry: WorkerEntry): HostDocument {
  const workers = without(document.workers, name);
  const { models, retired, service } = entry;
  const empty = service === null && Object.keys(models).length + Object.keys(retired).length === 0;
  return { ...document, workers: empty ? workers : { ...workers, [name]: entry } };
}

/**
 * Whether the weights of a model must stay: a worker has it among its models, or a sidecar is set up for it. The latter may outlive the former: sessions of a
 * model that is not offered any more are served until they end.
 */
export const isModelWanted = (document: HostDocument, name: string): boolean =>
  Object.values(document.workers).some((worker) => Object.hasOwn(worker.models, name) || isServed(worker, name));

const isServed = ({ service, fallback }: WorkerEntry, name: string): boolean =>
  [service, fallback].some((one) => one?.settings.models.some((served) => served === name));

/** A model that was taken out of a worker's models. */
export interface RetiredModel {
  readonly worker: string;
  readonly section: ModelSection;
}

/** Retired models that their worker's sidecar is not set up for any more. Their weights can go unless {@link isModelWanted another worker} wants them. */
export const collectable = (document: HostDocument): RetiredModel[] =>
  Object.entries(document.workers).flatMap(([worker, entry]) =>
    Object.values(entry.retired)
      .filter(({ name }) => !isServed(entry, name))
      .map((section) => ({ worker, section })),
  );

/** The document without a retired model whose weights are gone. */
export function withoutRetired(document: HostDocument, { worker, section }: RetiredModel): HostDocument {
  const entry = document.workers[worker];
  if (entry === undefined) return document;
  return withWorker(document, worker, { ...entry, retired: without(entry.retired, section.name) });
}

/** What is asked of the host; nothing where there is no such file. @throws ZodError, SyntaxError when it is damaged */
export async function readDocument(path: string): Promise<HostDocument> {
  const text = await readIfPresent(path);
  return text === undefined ? emptyDocument : documentSchema.parse(JSON.parse(text));
}
/** Writes it whole or not at all. */
export const writeDocument = (path: string, document: HostDocument): Promise<void> =>
  writeAtomically(path, toJson(document), "private");

const without = <V>(record: Readonly<Record<string, V>>, key: string): Record<string, V> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
