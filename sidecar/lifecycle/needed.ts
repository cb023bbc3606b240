import type { Observed } from "../../lifecycle/types.js";
import type { ModelId } from "../../schema/units.js";
import type { JobRow, JobState } from "../journal.js";
import type { Intent } from "./intent.js";

/** What may still ask for a model. */
export interface Demand {
  readonly observed: Pick<Observed, "registration" | "sessions" | "jobs"> | null;
  readonly intent: Intent;
  /** The journal's jobs that are not at their end. */
  readonly jobs: readonly Pick<JobRow, "model" | "state">[];
  /** Claims whose session was not counted yet. Which model they are for is not kept, so that each holds all. */
  readonly pendingClaims: number;
}

/** From here on the answer is mined: the model is not asked again. */
const answered: ReadonlySet<JobState> = new Set<JobState>(["completed", "releasable", "released"]);

/**
 * Whether a job for this model can still come or has to be answered: then its weights must stay, for a missed job is slashed. In doubt it is needed. All that
 * the chain says here was read at one block, so that no session can slip in between the end of its support and the look at the sessions.
 */
export function isNeeded(model: ModelId, { observed, intent, jobs, pendingClaims }: Demand): boolean {
  if (intent.kind === "serving" && intent.serving.models.includes(model)) return true;
  if (observed === null || pendingClaims > 0) return true;
  if (jobs.some((job) => job.model === model && !answered.has(job.state))) return true;
  const { registration, sessions } = observed;
  if (registration === null) return false; // nothing is at stake, and nobody sends a job to it
  const running = observed.jobs.some(
    (job) => job.model === model && (job.state === "Submitted" || job.state === "Acknowledged"),
  );
  const open = sessions.some((session) => session.model === model && session.standing === "open");
  return running || open || registration.models.includes(model); // as long as it is supported, sessions may come
}
