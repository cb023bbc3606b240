import { rm } from "node:fs/promises";
import type { z } from "zod";
import { FleetError } from "../schema/errors.js";
import type { HostDocument, hostVerbs, Report } from "../schema/host.js";
import { toJson } from "../schema/json.js";
import type { Clock } from "../system/clock.js";
import { lock } from "../system/lock.js";
import { collectable, isEmpty, isModelWanted, readDocument, withoutRetired, withSection } from "./document.js";
import { writeDocument, type RetiredModel } from "./document.js";
import { presentPublicKey } from "./host-key.js";
import type { Layout } from "./layout.js";
import { requireOwnPorts } from "./ports.js";
import { openRoot, removeRoot } from "./root.js";
import { ensureModel, removeModel } from "./sections/model.js";
import { ensureRuntime, ollamaUnitName, ollamaUrl } from "./sections/runtime.js";
import { ensureService, removeService } from "./sections/service.js";
import type { ServiceManager } from "./services/unit.js";

export type ReconcileRequest = z.infer<(typeof hostVerbs)["reconcile"]["request"]>;

/** What the reconciler works with. */
export interface Machine {
  readonly layout: Layout;
  readonly services: ServiceManager;
  readonly clock: Clock;
}

/** LF1334: another reconcile of this host takes too long. */
export class HostBusy extends FleetError {
  constructor(root: string) {
    super("LF1334", `Another run is changing the host in ${root}.`, {
      fix: "wait for it to end, then run the same command again.",
    });
  }
}
/** LF1335: models need a runtime. */
export class NoRuntime extends FleetError {
  constructor(model: string) {
    super("LF1335", `Model ${model} has no Ollama to run on: this host's document has no runtime.`, {
      fix: "pulumi up again.",
    });
  }
}

/** Nothing changed and nothing to report. */
const nothing: Report = { changes: [], runtime: null, model: null, service: null };

/** Changes one section of the document and makes the machine match it. One at a time per host. */
export async function reconcile(request: ReconcileRequest, machine: Machine): Promise<Report> {
  const { layout } = machine;
  const servesHere = request.desired !== null && request.section !== "runtime";
  await openRoot(layout, servesHere ? request.worker : undefined);
  return alone(machine, async () => {
    const before = await readDocument(layout.document);
    const after = withSection(before, {
      worker: request.worker,
      section: request.section,
      name: request.name,
      desired: request.desired,
    });
    if (request.desired !== null) requireOwnPorts(after);
    if (request.dryRun) return { ...nothing, changes: differences(before, after) };
    // Written before it is done: an interrupted run is finished by the next one.
    if (!isEmpty(after)) await writeDocument(layout.document, after);
    if (request.desired !== null) await machine.services.resume();
    const report = await apply(request, after, machine);
    const { document, changes } = await collect(after, machine);
    if (isEmpty(document)) await clean(machine);
    return { ...report, changes: [...report.changes, ...changes] };
  });
}

/** Makes a worker's service run as the document already has it: one that died, or stayed down. */
export async function revive(worker: string, host: string, machine: Machine): Promise<Report> {
  await openRoot(machine.layout, worker);
  return alone(machine, async () => {
    const document = await readDocument(machine.layout.document);
    if ((document.workers[worker]?.service ?? null) === null) return nothing;
    await machine.services.resume();
    return applyService({ worker, host }, document, machine);
  });
}

/** @throws HostBusy LF1334, HostCopied LF1313 */
async function alone<T>({ layout, clock }: Machine, work: () => Promise<T>): Promise<T> {
  await presentPublicKey(layout);
  const held = await lock(layout.reconcileLock, 300_000, clock);
  if (held === undefined) throw new HostBusy(layout.root);
  try {
    return await work();
  } finally {
    held.release();
  }
}

/** What a document change would mean, one line each. Pure. */
export function differences(before: HostDocument, after: HostDocument): string[] {
  const flat = (document: HostDocument): Map<string, string> =>
    new Map([
      ...Object.entries(document.runtime).map(([owner, one]) => [`runtime for ${owner}`, toJson(one)] as const),
      ...Object.entries(document.workers).flatMap(([name, worker]) => [
        ...Object.entries(worker.models).map(([model, one]) => [`model ${model} of ${name}`, toJson(one)] as const),
        ...Object.entries(worker.retired).map(
          ([model, one]) => [`retired model ${model} of ${name}`, toJson(one)] as const,
        ),
        ...(worker.service === null ? [] : [[`service of ${name}`, toJson(worker.service)] as const]),
      ]),
    ]);
  const [old, fresh] = [flat(before), flat(after)];
  return [
    ...[...fresh].filter(([key]) => !old.has(key)).map(([key]) => `add ${key}`),
    ...[...fresh].filter(([key, text]) => old.has(key) && old.get(key) !== text).map(([key]) => `change ${key}`),
    ...[...old.keys()].filter((key) => !fresh.has(key)).map((key) => `remove ${key}`),
  ];
}

async function apply(request: ReconcileRequest, after: HostDocument, machine: Machine): Promise<Report> {
  switch (request.section) {
    case "runtime":
      return applyRuntime(after, machine);
    case "model":
      return applyModel(request, after, machine);
    case "service":
      return applyService(request, after, machine);
  }
}

async function applyRuntime(after: HostDocument, { layout, services, clock }: Machine): Promise<Report> {
  const section = Object.values(after.runtime)[0];
  if (section === undefined) {
    const removed = await services.remove(ollamaUnitName);
    await rm(layout.ollama, { recursive: true, force: true });
    await services.confinement?.forgetUser(ollamaUnitName);
    return { ...nothing, changes: removed ? ["stopped Ollama"] : [] };
  }
  const { report, changed } = await ensureRuntime(section, layout, services, clock);
  return { ...nothing, changes: changed ? [`started Ollama ${report.version}`] : [], runtime: report };
}

async function applyModel(request: ReconcileRequest, after: HostDocument, machine: Machine): Promise<Report> {
  if (request.desired?.kind !== "model") return nothing; // it is retired now, and collected when nothing needs it
  if (Object.keys(after.runtime).length === 0) throw new NoRuntime(request.desired.name);
  const runtime = await applyRuntime(after, machine); // it may have died since
  const { report, changes } = await ensureModel(request.desired, urlOf(after), machine.layout.modelsLock);
  return { ...nothing, changes: [...runtime.changes, ...changes], model: report };
}

/** Lets go of the weights of every retired model that no sidecar is set up for any more. Each is struck out only then, so that an interrupted run is finished by the next. */
async function collect(after: HostDocument, machine: Machine): Promise<{ document: HostDocument; changes: string[] }> {
  let document = after;
  const changes: string[] = [];
  for (const retired of collectable(after)) {
    const taken = isModelWanted(document, retired.section.name)
      ? { changes: [], isGone: true } // another worker's now
      : await takeModelAway(retired, document, machine);
    changes.push(...taken.changes);
    if (!taken.isGone) continue;
    document = withoutRetired(document, retired);
    if (!isEmpty(document)) await writeDocument(machine.layout.document, document);
  }
  return { document, changes };
}

/** An Ollama that does not run does not keep a worker from being taken down: its models go with it at the latest. */
async function takeModelAway(
  { worker, section }: RetiredModel,
  document: HostDocument,
  machine: Machine,
): Promise<{ changes: string[]; isGone: boolean }> {
  if (Object.keys(document.runtime).length === 0) return { changes: [], isGone: true };
  try {
    const { changes } = await applyRuntime(document, machine);
    const removed = await removeModel(section, urlOf(document));
    return { changes: [...changes, ...(removed ? [`removed model ${section.name}`] : [])], isGone: true };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const left = `left model ${section.name} behind, since Ollama does not answer: ${error.summary}`;
    return { changes: [left], isGone: (document.workers[worker]?.service ?? null) === null };
  }
}
const urlOf = ({ runtime }: HostDocument): string => Object.values(runtime).map(ollamaUrl)[0] ?? "";

async function applyService(
  request: Pick<ReconcileRequest, "worker" | "host">,
  after: HostDocument,
  machine: Machine,
): Promise<Report> {
  const section = after.workers[request.worker]?.service ?? null;
  if (section === null) {
    const removed = await removeService(request.worker, machine.layout, machine.services);
    return { ...nothing, changes: removed ? [`stopped worker ${request.worker}`] : [] };
  }
  const { report, changed } = await ensureService(
    request.worker,
    section,
    request.host,
    machine.layout,
    machine.services,
  );
  return { ...nothing, changes: changed ? [`started worker ${request.worker}`] : [], service: report };
}

/** The empty document is a clean host: nothing of ours runs, nothing of ours is left. */
async function clean({ layout, services }: Machine): Promise<void> {
  await services.shutdown();
  await removeRoot(layout);
}
