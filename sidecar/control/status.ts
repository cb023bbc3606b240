import { isLifecycle } from "../../lifecycle/purpose.js";
import { problemOf } from "../lifecycle/troubles.js";
import type { Problem, SidecarStatus } from "../../schema/control.js";
import { isNeeded } from "../lifecycle/needed.js";
import type { Journal } from "../journal.js";
import type { Course, Mode } from "../lifecycle/course.js";
import type { GatewayLink } from "../lifecycle/gateway-link.js";
import { configuredModels, type Parts } from "../parts.js";
import { wei } from "../../schema/units.js";

/** What a status is put together from. */
export interface StatusSources extends Pick<Parts, "journal" | "settings" | "identity"> {
  readonly course: Course;
  readonly link: GatewayLink;
  readonly mode: () => Mode;
  readonly claiming: () => boolean;
  /** Standing problems, worst first; errors or `null`. */
  readonly troubles: () => readonly unknown[];
}

/** What this sidecar is, holds and does, as far as it last heard of the chain. `block: null`: nothing yet, so nothing else of the chain means anything. */
export function statusOf(sources: StatusSources): SidecarStatus {
  const { journal, identity, course, link } = sources;
  const { observed, plan, next, intent } = course;
  const registration = observed?.registration ?? null;
  return {
    bundle: identity.bundle,
    worker: identity.worker,
    host: identity.host,
    epoch: identity.epoch,
    mode: sources.mode(),
    claiming: sources.claiming(),
    selection: observed?.rules.mode ?? null,
    generation:
      intent.kind === "serving" ? intent.serving.generation : intent.kind === "nothing" ? 0 : intent.generation,
    leftGeneration: journal.leftGeneration(),
    rehearsed: course.rehearsed,
    next: next.text,
    nextAt: next.at,
    blockers: (plan?.blockers ?? []).map(({ code, summary, fix }) => ({ code, summary, fix })),
    trouble: firstTrouble(sources.troubles()),
    block: observed === null ? null : { number: observed.at.number, time: observed.at.time },
    registered: registration !== null,
    stake: registration?.stake ?? wei(0n),
    balance: observed?.balance ?? wei(0n),
    earnings: observed?.earnings ?? wei(0n),
    quiet: plan?.quiet ?? registration === null,
    models: modelsOf(sources),
    sessions: (observed?.sessions ?? []).map(({ id, standing }) => ({ id, standing })),
    jobs: jobsOf(sources),
    gateway: { connected: link.live, lastHeartbeatMs: link.lastHeartbeatMs },
    transactions: transactionsOf(journal),
    registeredAt: journal.registeredAt() ?? null,
  };
}

function firstTrouble(troubles: readonly unknown[]): Problem | null {
  const trouble = troubles.find((one) => one !== null);
  return trouble === undefined ? null : problemOf(trouble);
}

function modelsOf({ settings, course, journal }: StatusSources): SidecarStatus["models"] {
  const { observed, intent } = course;
  const registration = observed?.registration ?? null;
  const pendingClaims = journal.claims("claiming").length + journal.claims("claimed").length;
  const demand = { observed, intent, jobs: journal.openJobs(), pendingClaims };
  return [...configuredModels(settings)].map(([id, name]) => ({
    id,
    name,
    supported: registration?.models.includes(id) ?? false,
    eligible: registration?.eligible.includes(id) ?? false,
    needed: isNeeded(id, demand),
  }));
}

/** Jobs of the journal by their state there, or as disputed; jobs that only the chain knows by their state there. */
function jobsOf({ journal, course }: StatusSources): SidecarStatus["jobs"] {
  const onChain = course.observed?.jobs ?? [];
  const rows = journal.openJobs();
  const known = new Set(rows.map(({ id }) => id));
  const standings = new Map(onChain.map((job) => [job.id, job]));
  return [
    ...rows.map(({ id, state }) => {
      const standing = standings.get(id);
      const shown = standing?.state === "Disputed" ? "disputed" : state;
      return { id, state: shown, releasableAt: standing?.releasableAt ?? null };
    }),
    ...onChain
      .filter(({ id }) => !known.has(id))
      .map(({ id, state, releasableAt: at }) => ({ id, state, releasableAt: at })),
  ];
}

/** Daily transactions beyond this many are left out: a status must stay readable after years of work. */
const newestDaily = 100;

function transactionsOf(journal: Journal): SidecarStatus["transactions"] {
  const all = journal.allTransactions();
  const firstShown = all.filter((tx) => !isLifecycle(tx)).at(-newestDaily);
  const from = firstShown === undefined ? 0 : all.indexOf(firstShown);
  const shown = all.filter((tx, at) => at >= from || isLifecycle(tx));
  return shown.map(({ purpose, hash, outcome, mined }) => ({
    purpose,
    hash,
    outcome,
    block: mined?.block ?? null,
    fee: mined?.fee ?? null,
  }));
}
