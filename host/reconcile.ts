import { rm } from "node:fs/promises";
import { basename } from "node:path";
import type { z } from "zod";
import { FleetError } from "../schema/errors.js";
import type { HostDocument, hostVerbs, Report, ServiceSection } from "../schema/host.js";
import { toJson } from "../schema/json.js";
import type { Clock } from "../system/clock.js";
import { lock } from "../system/lock.js";
import { removeNeedlessBundles } from "./bundles.js";
import { differences } from "./differences.js";
import { afterTrial, bringsAnotherBundle, onTrial, writeDocument, type RetiredModel } from "./document.js";
import { collectable, isEmpty, isModelWanted, readDocument, withoutRetired, withSection } from "./document.js";
import { presentPublicKey } from "./host-key.js";
import type { Layout } from "./layout.js";
import { isKept } from "./own-bundle.js";
import { requireOwnPorts } from "./ports.js";
import { patienceWith } from "./reconcile-patience.js";
import { openRoot, removeRoot } from "./root.js";
import { ensureModel, removeModel } from "./sections/model.js";
import { FormerOllamaBack, OllamaSilent } from "./sections/ollama-errors.js";
import { modelsOf, ollamaUnitName, ollamaUrl } from "./sections/ollama-unit.js";
import { ensureRuntime } from "./sections/runtime.js";
import { ensureService, removeService, sidecarUnitName } from "./sections/service.js";
import { lookForStrangers } from "./sections/strangers.js";
import { answers, NeitherHealthy, whyUnhealthy } from "./sections/trial.js";
import { wouldDo } from "./would-do.js";
import type { ServiceManager } from "./services/unit.js";

export type ReconcileRequest = z.infer<(typeof hostVerbs)["reconcile"]["request"]>;

/** What the reconciler works with. */
export interface Machine {
  readonly layout: Layout;
  readonly services: ServiceManager;
  readonly clock: Clock;
  /** Folder of the bundle that this program is part of. */
  readonly bundle: string;
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
const nothing: Report = {
  ...{ changes: [], runtime: null, model: null, strangers: [], rolledBack: null, service: null },
};

/** What was done, and the document as it is then: a bundle that proves itself, or does not, changes it. */
interface Applied {
  readonly report: Report;
  readonly document: HostDocument;
}

/** Changes one section of the document and makes the machine match it. One at a time per host. */
export async function reconcile(request: ReconcileRequest, machine: Machine): Promise<Report> {
  const { layout } = machine;
  const servesHere = request.desired !== null && request.section !== "runtime";
  await openRoot(layout, servesHere ? request.worker : undefined);
  return alone(machine, async () => {
    const before = await readDocument(layout.document);
    const wanted = withSection(before, {
      worker: request.worker,
      section: request.section,
      name: request.name,
      desired: request.desired,
    });
    if (request.desired !== null) requireOwnPorts(wanted);
    if (request.dryRun)
      return { ...nothing, changes: [...differences(before, wanted), ...(await wouldDo(request, wanted, machine))] };
    const after = await withTrial(request.worker, before, wanted, machine);
    // Written before it is done: an interrupted run is finished by the next one.
    if (!isEmpty(after)) await writeDocument(layout.document, after);
    if (request.desired !== null) await machine.services.resume();
    const applied = await apply(request, after, machine).catch((error: unknown) =>
      takeBack(error, before, after, machine),
    );
    const { document, changes } = await collect(applied.document, machine);
    const tidied = await tidy(request, document, machine);
    if (isEmpty(document)) await clean(machine);
    const { report } = applied;
    return { ...report, strangers: tidied.strangers, changes: [...report.changes, ...changes, ...tidied.changes] };
  });
}

/** Makes a worker's service run as the document already has it: one that died, or stayed down. */
export async function revive(worker: string, host: string, machine: Machine): Promise<Report> {
  await openRoot(machine.layout, worker);
  return alone(machine, async () => {
    const document = await readDocument(machine.layout.document);
    if ((document.workers[worker]?.service ?? null) === null) return nothing;
    await machine.services.resume();
    return (await applyService({ worker, host }, document, machine)).report;
  });
}

/** @throws HostBusy LF1334, HostCopied LF1313 */
async function alone<T>({ layout, clock }: Machine, work: () => Promise<T>): Promise<T> {
  await presentPublicKey(layout);
  const held = await lock(layout.reconcileLock, patienceWith(await readDocument(layout.document)), clock);
  if (held === undefined) throw new HostBusy(layout.root);
  try {
    return await work();
  } finally {
    held.release();
  }
}

async function apply(request: ReconcileRequest, after: HostDocument, machine: Machine): Promise<Applied> {
  switch (request.section) {
    case "runtime":
      return { report: await applyRuntime(after, machine), document: after };
    case "model":
      return { report: await applyModel(request, after, machine), document: after };
    case "service":
      return applyService(request, after, machine);
  }
}

/** Whoever serves needs an Ollama: one that does not answer is taken back where another one ran before. @throws what it was given, or what became of it */
async function takeBack(error: unknown, before: HostDocument, after: HostDocument, machine: Machine): Promise<never> {
  const [former, wanted] = [before, after].map(({ runtime }) => Object.values(runtime)[0]);
  const isOther = former !== undefined && wanted !== undefined && toJson(former) !== toJson(wanted);
  if (!(error instanceof OllamaSilent) || !isOther) throw error;
  const isBack = await applyRuntime(before, machine).then(
    () => true,
    () => false,
  );
  if (!isBack) throw error;
  await writeDocument(machine.layout.document, before);
  throw new FormerOllamaBack(error);
}

/** A new bundle is on trial where the one before it serves. One that does not answer itself, or went with its container's image, is nothing to go back to. */
async function withTrial(
  worker: string,
  before: HostDocument,
  wanted: HostDocument,
  machine: Machine,
): Promise<HostDocument> {
  const former = before.workers[worker]?.service?.bundle;
  const isTried =
    former !== undefined &&
    bringsAnotherBundle(before, wanted, worker) &&
    (await isKept(machine.layout, former)) &&
    (await answers(worker, machine));
  return isTried ? onTrial(before, wanted, worker) : wanted;
}

async function applyRuntime(after: HostDocument, { layout, services, clock }: Machine): Promise<Report> {
  const section = Object.values(after.runtime)[0];
  if (section === undefined) {
    const removed = await services.remove(ollamaUnitName);
    await rm(layout.ollama, { recursive: true, force: true });
    await services.confinement?.forgetUser(ollamaUnitName);
    return { ...nothing, changes: removed ? ["stopped Ollama"] : [] };
  }
  const { report, changes } = await ensureRuntime(section, layout, services, clock);
  return { ...nothing, changes, runtime: report };
}

async function applyModel(request: ReconcileRequest, after: HostDocument, machine: Machine): Promise<Report> {
  if (request.desired?.kind !== "model") return nothing; // it is retired now, and collected when nothing needs it
  if (Object.keys(after.runtime).length === 0) throw new NoRuntime(request.desired.name);
  const runtime = await applyRuntime(after, machine); // it may have died since
  const on = Object.values(after.runtime)[0] ?? { gpu: "none", gpus: [] };
  const ollama = { url: urlOf(after), models: modelsOf(machine.layout) };
  const { report, changes } = await ensureModel(request.desired, ollama, machine.layout.modelsLock, on);
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
  { worker, host }: Pick<ReconcileRequest, "worker" | "host">,
  after: HostDocument,
  machine: Machine,
): Promise<Applied> {
  const { layout, services } = machine;
  const { service = null, fallback = null } = after.workers[worker] ?? {};
  if (service === null) {
    const removed = await removeService(worker, layout, services);
    return { report: { ...nothing, changes: removed ? [`stopped worker ${worker}`] : [] }, document: after };
  }
  const run = (section: ServiceSection) => ensureService(worker, section, host, layout, services);
  const { report, changed } = await run(service);
  const started = { ...nothing, changes: changed ? [`started worker ${worker}`] : [], service: report };
  if (fallback === null) return { report: started, document: after };

  const because = await whyUnhealthy(worker, service.healthyWithinMs, machine);
  if (because === undefined) {
    const document = await settled(after, worker, "proven", machine);
    return { report: { ...started, service: (await services.status(sidecarUnitName(worker))) ?? report }, document };
  }
  const back = await run(fallback);
  const former = await whyUnhealthy(worker, fallback.healthyWithinMs, machine);
  if (former !== undefined) throw new NeitherHealthy(worker, because, former);
  // Written only now: as long as it is not, the next run goes on where this one was cut off.
  const document = await settled(after, worker, "rolled back", machine);
  const rolledBack = { from: service.bundle, to: fallback.bundle, because };
  const changes = [...started.changes, `put worker ${worker} back to its former bundle`];
  return { report: { ...nothing, changes, rolledBack, service: back.report }, document };
}

async function settled(
  document: HostDocument,
  worker: string,
  outcome: "proven" | "rolled back",
  { layout }: Machine,
): Promise<HostDocument> {
  const after = afterTrial(document, worker, outcome);
  await writeDocument(layout.document, after);
  return after;
}

/** What is left of former times: models that no section names, and bundles that nobody runs or goes back to. */
async function tidy(
  { section, desired }: ReconcileRequest,
  document: HostDocument,
  { layout, bundle, clock }: Machine,
): Promise<{ strangers: string[]; changes: string[] }> {
  if (isEmpty(document) || desired === null) return { strangers: [], changes: [] };
  if (section !== "service") return lookForStrangers(document, urlOf(document));
  const gone = await removeNeedlessBundles(layout, basename(bundle), document, clock.now());
  return { strangers: [], changes: gone.map((hash) => `removed bundle ${hash.slice(0, 14)}…`) };
}

/** The empty document is a clean host: nothing of ours runs, nothing of ours is left. */
async function clean({ layout, services }: Machine): Promise<void> {
  await services.shutdown();
  await removeRoot(layout);
}
