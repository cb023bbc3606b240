import type { Clock } from "../system/clock.js";
import { NoProgress, PlanStale, SendRefused, StepReverted } from "./errors.js";
import { plan as planOf } from "./plan.js";
import type { Blocker, Call, Desired, Mined, Observed, Plan, PurposeId, Sender, Step, WaitUntil } from "./types.js";

/** A step that is a wait. */
export type WaitStep = Extract<Step, { do: "wait" }>;
/** A step that is a transaction. */
export type TransactionStep = Extract<Step, { purpose: PurposeId }>;

/** What {@link converge} is doing, for logs and people. */
export type StepEvent =
  | { readonly kind: "sending"; readonly step: TransactionStep; readonly observed: Observed }
  | { readonly kind: "mined"; readonly step: TransactionStep; readonly mined: Mined }
  | { readonly kind: "rehearsing"; readonly observed: Observed }
  | { readonly kind: "waiting"; readonly step: WaitStep; readonly observed: Observed };

/** How a worker is brought to where it should be. */
export interface ConvergeOptions {
  /** Reads the chain anew. */
  readonly observe: () => Promise<Observed>;
  /** Default: {@link planOf}. */
  readonly plan?: (desired: Desired, observed: Observed) => Plan;
  readonly sender: Sender;
  readonly desired: Desired;
  readonly clock: Clock;
  /** Whether to stay for a wait. Asked again at every look at the chain; `false` ends with `waiting`. */
  readonly mayWait: (wait: WaitStep, observed: Observed) => boolean;
  /** Runs the rehearsal of this host. Needed where a plan may ask for one. */
  readonly rehearse?: () => Promise<void>;
  readonly onStep?: (event: StepEvent) => void;
  /**
   * Refuse to send what was planned before somebody else used the key. For callers that share the key with other processes; the sidecar, whose
   * daily work moves the nonce all the time, has it alone. Default false.
   */
  readonly sharesKey?: boolean;
  /** Between looks at the chain while waiting, ms. Default 4,000. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
}

/** How {@link converge} ended. */
export type ConvergeOutcome =
  | { readonly kind: "done"; readonly observed: Observed; readonly plan: Plan }
  | {
      readonly kind: "waiting";
      readonly until: WaitUntil;
      readonly because: string;
      readonly observed: Observed;
      readonly plan: Plan;
    }
  | {
      readonly kind: "blocked";
      readonly blockers: readonly Blocker[];
      readonly observed: Observed;
      readonly plan: Plan;
    };

/** Failures of one purpose in a row that are answered by looking at the chain again. */
const patience = 3;

/**
 * Observes, plans and applies the first step, again and again, until there is nothing to do, nothing can be done, or the next wait is longer than
 * the caller may wait. Safe to run again after any error, anywhere.
 *
 * @throws whatever observing or sending throws; StepReverted (LF1234) and NoProgress (LF1232) instead of repeating for ever
 */
export async function converge(options: ConvergeOptions): Promise<ConvergeOutcome> {
  const { observe, sender, desired, clock, mayWait, onStep, pollMs = 4_000, signal } = options;
  const decide = options.plan ?? planOf;
  const failures = new Failures();
  let rehearsals = 0;
  for (;;) {
    signal?.throwIfAborted();
    const observed = await observe();
    const plan = decide(desired, observed);
    const [step] = plan.steps;
    if (step === undefined)
      return plan.blockers.length === 0
        ? { kind: "done", observed, plan }
        : { kind: "blocked", blockers: plan.blockers, observed, plan };

    if (step.do === "wait") {
      if (!mayWait(step, observed))
        return { kind: "waiting", until: step.until, because: step.because, observed, plan };
      onStep?.({ kind: "waiting", step, observed });
      if (step.until.kind === "transaction") await sender.settle?.(signal);
      await clock.sleep(pollMs, signal);
    } else if (step.do === "rehearse") {
      if (options.rehearse === undefined || rehearsals++ >= patience)
        throw new Error(`worker ${observed.worker} is to be rehearsed, and nobody here did it`);
      onStep?.({ kind: "rehearsing", observed });
      await options.rehearse();
    } else {
      onStep?.({ kind: "sending", step, observed });
      const mined = await attempt(step, observed, options, failures);
      if (mined) onStep?.({ kind: "mined", step, mined });
      else await clock.sleep(pollMs, signal);
    }
  }
}

/** Sends one step. `undefined` when it failed in a way that a new look at the chain may explain. */
async function attempt(
  step: TransactionStep,
  observed: Observed,
  { sender, sharesKey, signal }: ConvergeOptions,
  failures: Failures,
): Promise<Mined | undefined> {
  const { purpose, to, data, value } = step;
  const call: Call = {
    ...{ purpose, to, data, value },
    ...(step.do === "sweep" ? { sweep: true } : {}),
    ...(sharesKey === true ? { ifNonce: observed.nonce.latest } : {}),
  };
  try {
    const mined = await sender.send(call, signal);
    if (mined.status === "reverted") failures.count(purpose, new StepReverted(purpose, mined.hash));
    // Mined before we looked, and yet it was asked for: sending it again would do nothing, for ever.
    else if (mined.block <= observed.at.number) failures.count(purpose, new NoProgress(purpose));
    return mined;
  } catch (error) {
    if (!(error instanceof SendRefused || error instanceof PlanStale)) throw error;
    failures.count(purpose, error);
    return undefined;
  }
}

/** Counts failures of each purpose, and throws the one that is too many. */
class Failures {
  private readonly counts = new Map<PurposeId, number>();
  count(purpose: PurposeId, error: Error): void {
    const count = (this.counts.get(purpose) ?? 0) + 1;
    if (count >= patience) throw error;
    this.counts.set(purpose, count);
  }
}
