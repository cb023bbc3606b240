import type { Job } from "../../abi/job.js";
import { blobCapacityBytes } from "../../protocol/blob.js";
import { nonceBytes, seal } from "../../protocol/envelope.js";
import { encodeAnswer } from "../../protocol/response.js";
import type { JobId, ModelName } from "../../schema/units.js";
import type { JobRow, JobState } from "../journal.js";
import type { InferencePrompt } from "../ports.js";
import { acknowledge } from "./acknowledge.js";
import type { JobContext } from "./context.js";
import { acknowledgementMarginMs, leavesTimeForModel } from "./deadlines.js";
import { answeredElsewhere, answerTooLong, JobEnds, tooLate, unanswered, unservable } from "./endings.js";
import { infer, type Generated } from "./infer.js";
import { patiently } from "./patience.js";
import { prepare, type JobToPrepare } from "./prepare.js";
import { isFromBefore, recoverAnswer } from "./recover.js";
import { isCompleted, type JobReader } from "./standing.js";

/** How long the model server is waited for between two looks at it, in ms. */
const lookAgainMs = 500;

/**
 * From a job that was seen to its one ciphertext, stored. Checks come before the acknowledgement, because what cannot be served must not be acknowledged;
 * the model runs while the acknowledgement is being mined. What a former holder has acknowledged is never run: its answer is recovered. Nothing is signed here.
 *
 * @throws JobEnds
 */
export async function produce(context: JobContext, reader: JobReader, row: JobRow, stop: AbortSignal): Promise<void> {
  const { journal, models, keys, metrics, clock } = context;
  const name = `job ${row.id.toString()}`;
  const model = models.get(row.model);
  if (model === undefined) throw unservable("unknown", `its model ${row.model} is not served here`);
  const onChain = await patiently(context, `reading ${name}`, stop, () => reader.read(row.id));
  if (isCompleted(onChain)) throw answeredElsewhere();
  if (isFromBefore(context, onChain)) return recoverAnswer(context, row, onChain, stop);
  const begun = row.state === "acking" || row.state === "acked";
  if (onChain.state === "Acknowledged" && !begun) throw answeredElsewhere();

  const priorJobsTold = context.priorJobsTold(row.id);
  const asked = { id: row.id, session: row.session, model, onChain, priorJobsTold };
  const early = onChain.state === "Submitted" ? await prepareInTime(context, asked, stop) : undefined;
  if (!begun) {
    stopIfHopeless(context);
    journal.advance(row.id, "admitted");
    journal.advance(row.id, "acking");
  }
  const cut = new AbortController();
  const work = AbortSignal.any([stop, cut.signal]);
  const acknowledged = acknowledge(context, reader, asked, work).then((job) => {
    if (isCompleted(job)) throw answeredElsewhere();
    advanceTo(context, row.id, "acked");
    armDeadline(context, job, cut);
    return job;
  });
  acknowledged.catch((error: unknown) => cut.abort(error)); // no use in running a model for a job that is not ours
  const key = await patiently(context, `the session key of ${name}`, work, () => keys.of(row.session));
  try {
    const answering = (async (): Promise<Generated> => {
      const prompt =
        early ?? (await patiently(context, `the prompt of ${name}`, work, () => prepare(context, keys, asked, work)));
      return infer(context, { id: row.id, session: row.session, model, prompt, key }, work);
    })();
    const [, generated] = await both(acknowledged, answering);
    const startedMs = clock.now();
    const ciphertext = seal(key, encodeAnswer({ text: generated.text, sources: [] }), context.ports.random(nonceBytes));
    if (ciphertext.length > blobCapacityBytes) throw answerTooLong(ciphertext.length);
    journal.advance(row.id, "answered", { ciphertext, chunks: generated.chunks });
    metrics.stageDone("encrypt", model, "ok", (clock.now() - startedMs) / 1_000);
  } finally {
    key.fill(0);
    cut.abort(new Error("the job has been answered"));
  }
}

/** The network's owner may shorten the time for an answer while sessions are open; a job that is not acknowledged costs less than one that is not completed. */
function stopIfHopeless({ completionMs, settings }: JobContext): void {
  const allowed = completionMs();
  if (allowed !== null && !leavesTimeForModel(allowed, settings.jobs))
    throw tooLate("the network gives less time for an answer than settling one takes");
}

/** Waits for both, and lets neither go on behind our back; the reason that ended the job is the one that is thrown. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([one, other]);
  const failures = [first, second].flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  if (failures.length > 0) throw failures.find((failure) => failure instanceof JobEnds) ?? failures[0];
  return [await one, await other];
}

/** Stops the model when what is left is needed for settling. */
function armDeadline(context: JobContext, job: Job, cut: AbortController): void {
  const { time, settings } = context;
  if (!leavesTimeForModel(time.msUntil(job.deadline), settings.jobs))
    return cut.abort(tooLate("too little time is left for the model"));
  const limit = time.deadline(job.deadline, settings.jobs.settleReserveMs, cut.signal);
  limit.signal.addEventListener(
    "abort",
    () => {
      limit.end();
      cut.abort(tooLate("the model did not finish in time"));
    },
    { once: true },
  );
}

/**
 * Checks everything that can be checked before the acknowledgement, as long as its window allows: the model server is up, the session's key opens, the prompt
 * and its history are there and decrypt. `undefined`: the window is closing, so the acknowledgement goes first.
 */
async function prepareInTime(
  context: JobContext,
  job: JobToPrepare & { readonly model: ModelName },
  stop: AbortSignal,
): Promise<InferencePrompt | undefined> {
  const { time, settings, keys, server, clock, metrics } = context;
  const { onChain } = job;
  const startedMs = clock.now();
  const window = time.deadline(onChain.deadline, 0, stop);
  const margin = acknowledgementMarginMs(onChain, settings.chain.ackTimeoutMs);
  const early = time.deadline(onChain.deadline, margin, stop);
  try {
    while (!server.ready(job.model)) {
      if (!isOpen(window.signal)) {
        stop.throwIfAborted();
        throw unanswered(
          "ollama_unreachable",
          "the model server was down for all of its acknowledgement window",
          server.trouble,
        );
      }
      await clock.sleep(lookAgainMs, window.signal);
      if (isOpen(window.signal)) await server.look();
    }
    const prompt = await patiently(context, `preparing job ${job.id.toString()}`, early.signal, () =>
      prepare(context, keys, job, early.signal),
    );
    metrics.stageDone("fetch_blob", job.model, "ok", (clock.now() - startedMs) / 1_000);
    return prompt;
  } catch (error) {
    stop.throwIfAborted();
    if (error instanceof JobEnds || !early.signal.aborted) throw error;
    if (window.signal.aborted) throw tooLate("its acknowledgement window closed before it could be checked", error);
    return undefined;
  } finally {
    window.end();
    early.end();
  }
}

/** Asked anew each time: a signal changes while we wait. */
const isOpen = (signal: AbortSignal): boolean => !signal.aborted;

/** Moves a row forward unless it is there, or further, already. */
function advanceTo({ journal }: JobContext, id: JobId, state: JobState): void {
  if (journal.job(id)?.state === "acking") journal.advance(id, state);
}
