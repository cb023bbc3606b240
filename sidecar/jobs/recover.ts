import type { Job } from "../../abi/job.js";
import { EnvelopeError, open } from "../../protocol/envelope.js";
import type { Hash, JobId } from "../../schema/units.js";
import type { JobRow } from "../journal.js";
import type { OwnBlob } from "../ports.js";
import type { JobContext } from "./context.js";
import { unrecovered } from "./endings.js";
import { ownAnswerOf, type OwnAnswer, type PublishedAnswer, type UnansweredJob } from "./own-answer.js";
import { patiently } from "./patience.js";
import { isCompleted } from "./standing.js";

/** Blocks that are looked through for our blobs at most: several times what a job may take. */
const mostBlocks = 2_048n;
/** Blocks that are read again with each look: a reorganisation may change them. */
const unsettled = 8n;
/** Pause between two looks, in ms: what a former holder sent may still be mined. */
const lookAgainMs = 2_000;

/**
 * Whether a job was acknowledged before this journal's epoch began by a handover: then its former holder may have answered it, and it is never run again.
 */
export function isFromBefore({ journal }: Pick<JobContext, "journal">, { state, ackTimestamp }: Job): boolean {
  const since = journal.epoch()?.since ?? null;
  return state === "Acknowledged" && since !== null && ackTimestamp !== null && ackTimestamp <= since;
}

/**
 * Finds the answer that a former holder has published for a job and makes it the row's one ciphertext: these very bytes are then completed, and signed once the chain
 * holds them. What was not published is not known to anybody any more, and no second answer is ever made.
 * @throws JobEnds when no answer of it is found for certain while it can still be completed
 */
export async function recoverAnswer(context: JobContext, row: JobRow, job: Job, stop: AbortSignal): Promise<void> {
  const { journal, time, settings, clock, log } = context;
  const name = `job ${row.id.toString()}`;
  const limit = time.deadline(job.deadline, settings.jobs.completionReserveMs, stop);
  let last: Exclude<OwnAnswer["kind"], "found"> = "none";
  try {
    const look = await patiently(context, `the session key of ${name}`, limit.signal, () =>
      openLook(context, row, job),
    );
    for (;;) {
      const found = await patiently(context, `the answer of ${name}`, limit.signal, () => look(limit.signal));
      if (found.kind === "found") {
        const { ciphertext, hash } = found.answer;
        context.inherited.add(row.id); // before it is written down: it is signed last
        journal.advance(row.id, "completing", { ciphertext, chunks: 0, versionedHash: hash }); // in one: its blob is not published again
        log.info({ job: row.id.toString(), blob: hash }, "an answer was recovered from a blob of the former holder");
        return;
      }
      last = found.kind;
      await clock.sleep(lookAgainMs, limit.signal);
      limit.signal.throwIfAborted();
    }
  } catch (error) {
    stop.throwIfAborted();
    if (limit.signal.aborted) throw unrecovered(last, error);
    throw error;
  } finally {
    limit.end();
  }
}

/** One look at the chain after the other; what was read and opened before is remembered. */
async function openLook(
  context: JobContext,
  row: JobRow,
  job: Job,
): Promise<(signal: AbortSignal) => Promise<OwnAnswer>> {
  const { ports, keys } = context;
  const opened = new Map<Hash, Uint8Array | null>();
  const blobs = new Map<Hash, OwnBlob>();
  const session = sessionJobs(context, row);
  let next = job.submitBlockNumber;
  const acknowledgedAt = job.ackTimestamp ?? job.submittedAt;
  (await keys.of(row.session)).fill(0); // ours at all?

  const answerIn = async (blob: OwnBlob, signal: AbortSignal): Promise<Uint8Array | null> => {
    const known = opened.get(blob.hash);
    if (known !== undefined) return known;
    const payload = await ports.blobs.fetch(blob.hash, blob.block, signal);
    const key = await keys.of(row.session);
    const isAnswer = opens(key, payload);
    key.fill(0);
    opened.set(blob.hash, isAnswer ? payload : null);
    return isAnswer ? payload : null;
  };

  return async (signal) => {
    const { number: head } = await ports.chain.head();
    if (head - job.submitBlockNumber > mostBlocks) return { kind: "ambiguous" };
    for (const blob of await ports.chain.ownBlobs(next, head)) blobs.set(blob.hash, blob);
    // Read after the blobs: whatever was completed meanwhile has claimed its own.
    const unanswered = await session.unanswered(next, head);
    next = most(job.submitBlockNumber, head - unsettled);
    const answers: PublishedAnswer[] = [];
    for (const blob of blobs.values()) {
      if (session.committed.has(blob.hash)) continue;
      const ciphertext = await answerIn(blob, signal);
      if (ciphertext !== null) answers.push({ hash: blob.hash, time: blob.time, ciphertext });
    }
    return ownAnswerOf({ id: row.id, acknowledgedAt }, unanswered, answers);
  };
}

/** The session's jobs that were ours, and what became of them. */
interface SessionJobs {
  /** Blobs that completed jobs have committed to; grows. */
  readonly committed: ReadonlySet<Hash>;
  /** Acknowledged, and not completed. @param from jobs submitted before this block were asked for already, except the first time */
  unanswered(from: bigint, to: bigint): Promise<UnansweredJob[]>;
}

function sessionJobs({ ports, identity }: JobContext, row: JobRow): SessionJobs {
  const committed = new Set<Hash>();
  /** Those whose end is not known yet. */
  const open = new Set<JobId>([row.id]);
  const done = new Set<JobId>();
  let isFirst = true;
  return {
    committed,
    unanswered: async (from, to) => {
      const earlier = isFirst ? await ports.chain.earlierJobs(row.session, row.id, row.submitBlock) : [];
      const later = (await ports.chain.jobsBetween(from, to)).filter(({ session }) => session === row.session);
      isFirst = false;
      for (const id of [...earlier, ...later.map(({ job }) => job)]) if (!done.has(id)) open.add(id);
      const unanswered: UnansweredJob[] = [];
      for (const id of open) {
        const one = await ports.chain.job(id);
        const isOver = isCompleted(one) || one.worker !== identity.worker;
        if (isOver) {
          open.delete(id);
          done.add(id);
        }
        if (one.responseBlobHash !== null) committed.add(one.responseBlobHash);
        if (!isOver && one.ackTimestamp !== null) unanswered.push({ id, acknowledgedAt: one.ackTimestamp });
      }
      return unanswered;
    },
  };
}

function opens(key: Uint8Array, payload: Uint8Array): boolean {
  try {
    open(key, payload).fill(0);
    return true;
  } catch (error) {
    if (error instanceof EnvelopeError) return false;
    throw error;
  }
}

const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
