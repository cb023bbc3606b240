import { hexToBytes } from "viem";
import type { Job } from "../../abi/job.js";
import { answerDigest, ciphertextHash, toFrameSignature } from "../../protocol/signature.js";
import { describeError } from "../../schema/errors.js";
import type { Hash, Hex, JobId, ModelName } from "../../schema/units.js";
import { ChainUnavailable } from "../failures.js";
import type { JobRow, JobState } from "../journal.js";
import { acknowledge } from "./acknowledge.js";
import type { JobContext } from "./context.js";
import { leavesTimeToSettle } from "./deadlines.js";
import { answeredElsewhere, tooLate } from "./endings.js";
import { patiently } from "./patience.js";
import { NotSoleSigner } from "../sole-signer.js";
import { isCompleted, type JobReader } from "./standing.js";

/**
 * From the stored ciphertext to a completed job: sign, deliver, publish the blob, complete. Everything acts on that one ciphertext; after a crash it goes on where
 * the row says, and delivers again, because nothing tells whether the consumer has it. An inherited job is signed last: its blob and completion take a nonce each,
 * which only one of two processes with the same key can have, and a signature over an answer that the chain does not hold is evidence against this worker.
 *
 * @throws JobEnds
 */
export async function settle(context: JobContext, reader: JobReader, id: JobId, stop: AbortSignal): Promise<void> {
  const { journal, time, settings, models } = context;
  const row = answeredRow(context, id);
  const model = models.get(row.model) ?? ("unknown" as ModelName);
  const hash = ciphertextHash(row.ciphertext);
  const job = await patiently(context, `reading job ${id.toString()}`, stop, async () => {
    const found = await reader.read(id);
    // A reorganisation may have undone the acknowledgement.
    return found.state === "Submitted" ? acknowledge(context, reader, { id, model }, stop) : found;
  });
  stopIfAnsweredElsewhere(job, hash);
  const isSure = isCompleted(job) || !context.inherited.has(id);
  const early = isSure ? await beginEarly(context, id) : undefined;

  const limit = time.deadline(job.deadline, 0, stop);
  try {
    if (!isCompleted(job)) {
      const state = journal.job(id)?.state;
      if (isUnpublished(state) && !leavesTimeToSettle(time.msUntil(job.deadline), settings.jobs))
        throw tooLate("too little time is left to settle its answer");
      const versionedHash = await publishBlob(context, row, model, limit.signal);
      await complete(context, reader, { id, model, versionedHash, hash }, limit.signal);
    }
  } catch (error) {
    stop.throwIfAborted();
    if (limit.signal.aborted) throw tooLate("its deadline passed before it was completed", error);
    throw error;
  } finally {
    limit.end();
  }
  const { delivered } = early ?? (await begin(context, id));
  await delivered;
  journal.advance(id, "completed");
  context.metrics.leftBeforeDeadline(model, time.msUntil(job.deadline) / 1_000);
}

type AnsweredRow = JobRow & { readonly ciphertext: Uint8Array };
function answeredRow({ journal }: JobContext, id: JobId): AnsweredRow {
  const row = journal.job(id);
  if (row === undefined || row.ciphertext === null) throw new Error(`job ${id.toString()} has no answer yet`);
  return { ...row, ciphertext: row.ciphertext };
}

/** To sign or deliver other bytes than the committed ones would be evidence against this worker. */
function stopIfAnsweredElsewhere(job: Job, hash: Hash): void {
  if (isCompleted(job) && job.responseCiphertextHash !== hash) throw answeredElsewhere();
}

/** Signs the answer and begins to deliver it. */
async function begin(context: JobContext, id: JobId): Promise<{ readonly delivered: Promise<void> }> {
  const row = answeredRow(context, id);
  const signature = await sign(context, row);
  if (isUnpublished(context.journal.job(id)?.state)) context.journal.advance(id, "publishing");
  return { delivered: deliver(context, row, signature) };
}

/** An answer that may not be signed yet is signed when the chain holds it: then nobody else's can be meant. */
async function beginEarly(context: JobContext, id: JobId): Promise<Awaited<ReturnType<typeof begin>> | undefined> {
  try {
    return await begin(context, id);
  } catch (error) {
    if (!(error instanceof NotSoleSigner || error instanceof ChainUnavailable)) throw error;
    context.log.warn({ job: id.toString(), reason: error.message }, "an answer is signed only once the chain holds it");
    return undefined;
  }
}

const isUnpublished = (state: JobState | undefined): boolean =>
  state === "answered" || state === "signed" || state === "publishing";

async function sign(context: JobContext, row: AnsweredRow): Promise<Hex> {
  const { ports, contracts, journal } = context;
  if (row.signature !== null) return row.signature;
  const digest = answerDigest(ports.chain.chainId, contracts.jobRegistry, row.id, row.session, row.ciphertext);
  const signature = toFrameSignature(await ports.signer.signMessage(hexToBytes(digest)));
  journal.advance(row.id, row.state === "answered" ? "signed" : row.state, { signature });
  return signature;
}

/** Never fails the job: the consumer can read the answer from the blob as well. */
async function deliver(context: JobContext, row: AnsweredRow, signature: Hex): Promise<void> {
  const { ports, log } = context;
  const last = row.chunks + 1;
  try {
    await ports.gateway.deliver({
      job: row.id,
      session: row.session,
      seq: last,
      totalChunks: last,
      payload: row.ciphertext,
      signature,
    });
  } catch (error) {
    log.warn({ job: row.id.toString(), reason: describeError(error) }, "the answer was not delivered; the blob has it");
  }
}

async function publishBlob(
  context: JobContext,
  row: AnsweredRow,
  model: ModelName,
  signal: AbortSignal,
): Promise<Hash> {
  const { journal, ports, clock, metrics } = context;
  const purpose = context.purposes.answer(row.id);
  // A blob that a former holder published is in no journal of ours.
  if (row.versionedHash !== null && journal.sentFor(purpose).length === 0) return row.versionedHash;
  if (isUnpublished(journal.job(row.id)?.state)) journal.advance(row.id, "blobbing");
  const startedMs = clock.now();
  // Also when it was published before: that costs nothing as long as it is mined, and a reorganisation may have undone it for good.
  const { versionedHash } = await patiently(context, `the blob of job ${row.id.toString()}`, signal, async () => {
    const mined = await ports.transactions.publish({ purpose, payload: row.ciphertext, signal });
    if (mined.status === "reverted") throw new Error("the blob's transaction was reverted");
    return mined;
  });
  metrics.stageDone("submit_blob", model, "ok", (clock.now() - startedMs) / 1_000);
  journal.advance(row.id, "completing", { versionedHash });
  return versionedHash;
}

async function complete(
  context: JobContext,
  reader: JobReader,
  answer: { id: JobId; model: ModelName; versionedHash: Hash; hash: Hash },
  signal: AbortSignal,
): Promise<void> {
  const { ports, time, clock, metrics, calls } = context;
  const { id, versionedHash, hash } = answer;
  const startedMs = clock.now();
  await patiently(context, `completing job ${id.toString()}`, signal, async () => {
    const before = await reader.read(id);
    stopIfAnsweredElsewhere(before, hash);
    if (isCompleted(before)) return;
    if (before.state === "Submitted") throw new Error("the chain has lost the acknowledgement");
    if (time.msUntil(before.deadline) < 0) throw tooLate("its deadline passed before it was completed");
    await ports.transactions.send(calls.complete(id, versionedHash, hash), signal, "job");
    const after = await reader.read(id);
    stopIfAnsweredElsewhere(after, hash); // ours may have been reverted because another run's came first
    if (!isCompleted(after)) throw new Error("the chain does not have the completion yet");
  });
  metrics.stageDone("complete_job", answer.model, "ok", (clock.now() - startedMs) / 1_000);
}
