import { FleetError } from "../../schema/errors.js";
import type { JobId } from "../../schema/units.js";
import type { FailureReason } from "../metrics/metrics.js";

/**
 * Ends a job for good, wherever in the pipeline it is thrown. `lost`: the chain has taken it from us. `forfeited`: it will not be answered, and the
 * contract may count that as an offence.
 */
export class JobEnds extends Error {
  constructor(
    readonly end: "lost" | "forfeited",
    /** Stable code; a person finds it in docs/errors.md. */
    readonly code: `LF147${number}`,
    readonly reason: FailureReason,
    /** One clause, without any content of the job. */
    readonly why: string,
    cause?: unknown,
  ) {
    super(`${code}: ${why}`, cause === undefined ? undefined : { cause });
  }
}

/** LF1470: another worker has it, or it is over on chain. Next: nothing; it costs nothing either. */
export const lost = (why: string): JobEnds => new JobEnds("lost", "LF1470", "", why);

/** LF1471: it cannot be served whatever is done: a key that is not ours, a prompt that must be refused. Next: look at the log of this job and at `npx fleet status`. */
export const unservable = (reason: FailureReason, why: string, cause?: unknown): JobEnds =>
  new JobEnds("forfeited", "LF1471", reason, why, cause);

/** LF1472: the time that is left does not suffice. Next: if it repeats, serve fewer jobs at once (`jobs.maxConcurrentJobs`) or a smaller model. */
export const tooLate = (why: string, cause?: unknown): JobEnds =>
  new JobEnds("forfeited", "LF1472", "deadline", why, cause);

/** LF1473: the model gave no answer that can be settled. Next: look at Ollama on the worker's host, then at `npx fleet status`. */
export const unanswered = (reason: FailureReason, why: string, cause?: unknown): JobEnds =>
  new JobEnds("forfeited", "LF1473", reason, why, cause);

/** LF1474: another run of this worker may have signed an answer already; a second one would be punished. Next: make sure that one process alone holds the key. */
export const answeredElsewhere = (): JobEnds =>
  new JobEnds("forfeited", "LF1474", "unknown", "it was acknowledged outside this journal and may have been answered");

/** LF1475: the answer does not fit into a blob. Next: lower `inference.numPredict`. */
export const answerTooLong = (bytes: number): JobEnds =>
  new JobEnds("forfeited", "LF1475", "blob_submit_failed", `its answer of ${bytes} bytes does not fit into a blob`);

/** LF1476: a former holder of the key acknowledged it, and what it answered, if it did, is not to be found for certain. */
export const unrecovered = (found: "none" | "ambiguous", cause: unknown): JobEnds =>
  new JobEnds(
    "forfeited",
    "LF1476",
    "deadline",
    found === "none"
      ? "its former holder acknowledged it and has published no answer"
      : "its former holder has published answers of its session, and which one is its cannot be told",
    cause,
  );

/** A forfeited job as a person reads it, under the code of its ending. */
export class JobForfeited extends FleetError {
  constructor(job: JobId, ending: JobEnds) {
    super(ending.code, `Job ${job.toString()} was forfeited: ${ending.why}.`, {
      fix: "look at the log of this job and at `npx fleet status`; a missed job may count as an offence.",
      cause: ending,
    });
  }
}
