import type { BlockTime, Hash, JobId } from "../../schema/units.js";

/** An answer in a blob of ours: it opens with the session's key, and no completed job has committed to it. */
export interface PublishedAnswer {
  readonly hash: Hash;
  readonly time: BlockTime;
  readonly ciphertext: Uint8Array;
}
/** A job of the session that was acknowledged by us and not completed. One that the chain has timed out counts too: its answer may have been published. */
export interface UnansweredJob {
  readonly id: JobId;
  readonly acknowledgedAt: BlockTime;
}
/** What our own blobs say of a job that a former holder acknowledged. */
export type OwnAnswer =
  | { readonly kind: "found"; readonly answer: PublishedAnswer }
  | { readonly kind: "none" }
  /** More than one answer may be this job's, or more than one job may have brought it. */
  | { readonly kind: "ambiguous" };

/**
 * Which of a session's published answers is this job's. A blob does not name its job, and the session's key opens them all; but an answer is published only after its
 * job was acknowledged. So it is found only when exactly one can be this job's, and that one no other's: a guess that is wrong would be another answer's commitment. Pure.
 */
export function ownAnswerOf(
  job: UnansweredJob,
  others: readonly UnansweredJob[],
  answers: readonly PublishedAnswer[],
): OwnAnswer {
  const mayBelong = (answer: PublishedAnswer, to: UnansweredJob): boolean => answer.time >= to.acknowledgedAt;
  const [answer, ...more] = answers.filter((one) => mayBelong(one, job));
  if (answer === undefined) return { kind: "none" };
  const isContested = more.length > 0 || others.some((other) => other.id !== job.id && mayBelong(answer, other));
  return isContested ? { kind: "ambiguous" } : { kind: "found", answer };
}
