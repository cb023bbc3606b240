import { converge, type StepEvent } from "../../lifecycle/apply.js";
import { plan as planFor } from "../../lifecycle/plan.js";
import type { Observed, Plan } from "../../lifecycle/types.js";
import type { sidecarModes } from "../../schema/control.js";
import { describeError } from "../../schema/errors.js";
import { type BlockTime, type ModelId, wei } from "../../schema/units.js";
import { type Loop, startLoop } from "../../system/loop.js";
import { configuredModels, type Parts } from "../parts.js";
import type { Selection } from "../ports.js";
import { desiredOf, type Intent, intentOf } from "./intent.js";
import { covers, parseRehearsal, rehearsalFingerprint, rehearsalLine, rehearse } from "./rehearsal.js";
import { RehearsalFailed } from "./troubles.js";

/** What a sidecar is about; docs/sidecar.md has the table. */
export type Mode = (typeof sidecarModes)[number];

/** The sidecar's way on to the network and off it: reads the chain, plans, and does the first thing, over and over. */
export interface Course {
  /** What was last read of the chain; `null` before the first look. */
  readonly observed: Observed | null;
  /** What follows from it; `null` while there is nothing to plan for. */
  readonly plan: Plan | null;
  /** What is done or waited for, for a person, and until when at the earliest. */
  readonly next: { readonly text: string; readonly at: BlockTime | null };
  /** Why the last look or step did not succeed; `null` when it did. */
  readonly trouble: unknown;
  readonly intent: Intent;
  /** Whether the host was rehearsed as it is set up now, and the estimated time of the longest answer. */
  readonly rehearsed: boolean;
  readonly answerMs: number | null;
  /** Looks at the chain now, without doing anything. @throws ChainUnavailable */
  observe(): Promise<Observed>;
  /** Begins the next round at once. */
  hurry(): void;
  start(): void;
  stop(): Promise<void>;
}

/** What the course asks of the rest of the sidecar. */
export interface CourseEvents {
  /** Whether this journal may act: false while it is stale, or the process is stopping. */
  mayAct(): boolean;
  /** Who would answer a job now. */
  server(): Observed["server"];
  /** Something was read, or done. */
  changed(): void;
}

/**
 * Observes, plans and acts, round after round.
 * @param events how it asks the rest of the sidecar, and tells it
 */
export function createCourse(parts: Parts, events: CourseEvents): Course {
  const { ports, journal, settings, identity, clock, time, log } = parts;
  const configured = [...configuredModels(settings).keys()];
  const fingerprint = rehearsalFingerprint(settings, identity);
  let observed: Observed | null = null;
  let plan: Plan | null = null;
  let next: Course["next"] = { text: "reading the chain", at: null };
  let trouble: unknown = null;
  let loop: Loop | undefined;

  const intent = (): Intent => intentOf(journal);
  const rehearsal = () => parseRehearsal(journal.rehearsal());
  const rehearsed = (): boolean => covers(rehearsal(), fingerprint, configured);

  const observe = async (): Promise<Observed> => {
    const read = await ports.chain.observe({
      models: modelsAskedAbout(intent(), configured),
      since: journal.registeredAt()?.number ?? null,
      server: events.server(),
      rehearsed: rehearsed(),
      leftGeneration: journal.leftGeneration(),
    });
    if (observed === null || read.at.number >= observed.at.number) observed = read;
    return read;
  };

  /** Decides on what it was told last, which may have changed since the round began. */
  const decide = (seen: Observed): Plan => {
    const desired = desiredOf(intent(), identity);
    plan = desired === null ? null : planFor(desired, seen);
    next = describe(plan, intent(), seen.rules.mode);
    trouble = null;
    events.changed();
    return plan === null || !events.mayAct() ? { ...(plan ?? nothingToDo), steps: [] } : plan;
  };
  const round = async (signal: AbortSignal): Promise<void> => {
    const desired = desiredOf(intent(), identity);
    if (desired === null) return void decide(await observe());
    const outcome = await converge({
      observe,
      plan: (_, seen) => decide(seen),
      sender: ports.transactions,
      desired,
      clock,
      mayWait: () => false, // the next round looks again
      rehearse: () => rehearseFor(intent(), signal),
      onStep,
      signal,
    });
    if (outcome.kind === "done" && events.mayAct()) finishLeaving();
  };
  /** Gone only when nothing is left to do and nothing stands in the way. */
  const finishLeaving = (): void => {
    const now = intent();
    if (now.kind !== "leaving" || plan === null || plan.steps.length + plan.blockers.length > 0) return;
    journal.setLeft(now.generation);
    log.info({ generation: now.generation }, "left the network; nothing remains under this key");
    plan = null;
    next = describe(null, intent(), null);
    events.changed();
  };
  const rehearseFor = async (now: Intent, signal: AbortSignal): Promise<void> => {
    if (observed === null) return;
    const { completionTimeout } = observed.rules;
    const passed = await rehearse(parts, { generation: generationOf(now), completionTimeout }, signal);
    journal.setRehearsal(rehearsalLine(passed));
  };
  const onStep = (event: StepEvent): void => {
    if (event.kind === "sending") log.info({ purpose: event.step.purpose }, event.step.summary);
    if (event.kind !== "mined") return;
    log.info({ purpose: event.step.purpose, hash: event.mined.hash, status: event.mined.status }, "mined");
    if (event.step.do !== "register" || event.mined.status !== "success") return;
    const at = time.atOrBefore(event.mined.block);
    if (at !== null) journal.setRegisteredAt({ number: at.number, hash: at.hash });
  };

  return {
    get observed() {
      return observed;
    },
    get plan() {
      return plan;
    },
    get next() {
      return next;
    },
    get trouble() {
      return trouble;
    },
    get intent() {
      return intent();
    },
    get rehearsed() {
      return rehearsed();
    },
    get answerMs() {
      return rehearsed() ? (rehearsal()?.answerMs ?? null) : null;
    },
    observe,
    hurry: () => loop?.trigger(),
    start: () => {
      loop ??= startLoop({
        round,
        pauseMs: settings.services.lifecycleProbeMs,
        clock,
        onError: (error) => {
          const repeated = describeError(trouble) === describeError(error);
          trouble = error;
          if (!repeated)
            log.warn({ err: error }, error instanceof RehearsalFailed ? "rehearsal failed" : "no progress");
          try {
            events.changed();
          } catch (also) {
            log.error({ err: also }, "the journal cannot be read"); // no round may end the loop
          }
        },
      });
    },
    stop: async () => loop?.stop(),
  };
}

/** Everything served or wanted: a model that is to be retired is asked about as well. */
function modelsAskedAbout(intent: Intent, configured: readonly ModelId[]): readonly ModelId[] {
  const wanted = intent.kind === "serving" ? intent.serving.models : [];
  return [...new Set([...wanted, ...configured])];
}

const generationOf = (intent: Intent): number => {
  switch (intent.kind) {
    case "serving":
      return intent.serving.generation;
    case "leaving":
    case "gone":
      return intent.generation;
    case "nothing":
      return 0;
  }
};

const nothingToDo: Plan = {
  steps: [],
  blockers: [],
  money: { toStake: wei(0n), shortfall: wei(0n), gas: wei(0n), returns: wei(0n), earliestExit: null },
  quiet: false,
};

function describe(plan: Plan | null, intent: Intent, selection: Selection | null): Course["next"] {
  if (plan === null) {
    if (intent.kind === "gone") return { text: "nothing: this worker has left the network", at: null };
    return { text: "waiting to be told to go live", at: null };
  }
  const [step] = plan.steps;
  const [blocker] = plan.blockers;
  if (step === undefined) {
    const quiet =
      selection === "dispatcher" ? "its sessions come from the dispatcher" : "everything is as it should be";
    return { text: blocker?.summary ?? `nothing: ${quiet}`, at: null };
  }
  if (step.do === "rehearse") return { text: "rehearsing: a longest prompt, and a blob of its own", at: null };
  if (step.do !== "wait") return { text: step.summary, at: null };
  return { text: step.because, at: step.until.kind === "time" ? step.until.time : null };
}
