import { parsePurpose, purposeId, type PurposeKind } from "../lifecycle/purpose.js";
import type { PurposeId } from "../lifecycle/types.js";
import type { JobId, RequestId } from "../schema/units.js";
import type { Parts } from "./parts.js";

/** What the sidecar's own transactions are for, beside the lifecycle's. */
export interface Purposes {
  acknowledge(job: JobId): PurposeId;
  answer(job: JobId): PurposeId;
  complete(job: JobId): PurposeId;
  claim(request: RequestId): PurposeId;
  /** The nth transaction of nothing that an epoch begins with. */
  handover(epoch: number, n: number): PurposeId;
  /** The blob that the generation's nth rehearsal writes. */
  rehearsal(generation: number, n: number): PurposeId;
}

/** Jobs and requests have ids of their own and outlive a generation, so they carry none. */
const ownId = 0;

/** The purposes of one worker on its chain. */
export function purposesOf(parts: Pick<Parts, "ports" | "identity">): Purposes {
  const purpose = (kind: PurposeKind, generation: number, detail: string): PurposeId =>
    purposeId({ chainId: parts.ports.chain.chainId, worker: parts.identity.worker, kind, generation, detail });
  return {
    acknowledge: (job) => purpose("acknowledge", ownId, job.toString()),
    answer: (job) => purpose("answer", ownId, job.toString()),
    complete: (job) => purpose("complete", ownId, job.toString()),
    claim: (request) => purpose("claim", ownId, request.toString()),
    handover: (epoch, n) => purpose("handover", ownId, n === 1 ? `${epoch}` : `${epoch}/${n}`),
    rehearsal: (generation, n) => purpose("answer", generation, `rehearsal/${n}`),
  };
}

/**
 * What has to be mined before this: a completion names its answer's blob, and whoever looks for that searches backwards from the completion (contracts reference
 * §4.6). `null`: nothing.
 */
export function purposeBefore(purpose: PurposeId): PurposeId | null {
  const parts = parsePurpose(purpose);
  return parts?.kind === "complete" ? purposeId({ ...parts, kind: "answer" }) : null;
}

/** Whether being mined twice would cost gas and nothing else: a job takes one completion, and a blob is found by its hash, not by its transaction. */
export function isHarmlessTwice(purpose: PurposeId): boolean {
  const kind = parsePurpose(purpose)?.kind;
  return kind === "answer" || kind === "complete";
}
