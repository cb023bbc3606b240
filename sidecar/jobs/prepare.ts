import type { Job } from "../../abi/job.js";
import { EnvelopeError, open } from "../../protocol/envelope.js";
import { isAnswerInHistory, replay } from "../../protocol/history.js";
import { type ChatMessage, decodePrompt } from "../../protocol/prompt.js";
import type { Hash, JobId, SessionId } from "../../schema/units.js";
import type { FailureReason } from "../metrics/metrics.js";
import type { Parts } from "../parts.js";
import type { InferencePrompt } from "../ports.js";
import { unservable } from "./endings.js";
import type { SessionKeys } from "./session-keys.js";

/** A job of ours, as it has to be known for its prompt to be read. */
export interface JobToPrepare {
  readonly id: JobId;
  readonly session: SessionId;
  readonly onChain: Job;
  /** Earlier jobs of the session as the dispatcher told them; `null` where it did not. */
  readonly priorJobsTold: readonly JobId[] | null;
}

/**
 * Everything the model is asked: prompt and, unless the prompt is self-contained, the whole history of its session. Nothing less is ever used: the disputer
 * would run the job with more (sidecar reference §3.1-3.3, newest rules).
 *
 * @throws JobEnds when it can never be served; whatever else it throws may be gone at the next attempt
 */
export async function prepare(
  parts: Pick<Parts, "ports" | "log">,
  keys: SessionKeys,
  job: JobToPrepare,
  signal: AbortSignal,
): Promise<InferencePrompt> {
  const { promptBlobHash, submitBlockNumber } = job.onChain;
  if (promptBlobHash === null) throw unservable("blob_fetch_failed", "it names no prompt");
  const opener = createOpener(parts, keys, job.session, signal);
  const plaintext = await opener(promptBlobHash, submitBlockNumber);
  const prompt = decodePrompt(plaintext);
  plaintext.fill(0);
  switch (prompt.kind) {
    case "refused":
      throw unservable("refused", `its prompt must be refused (${prompt.reason})`);
    case "conversation":
      return { prompt, history: [] };
    case "text": {
      if (prompt.voice.audio !== "" && prompt.text.trim() === "")
        throw unservable("refused", "its prompt is spoken, and this worker does not listen");
      return { prompt, history: await historyOf(parts, job, opener) };
    }
  }
}

type Opener = (hash: Hash, block: bigint) => Promise<Uint8Array>;

/** Fetches a blob of the session and opens it; when it does not open, once more with the key as it is on chain now. */
function createOpener(parts: Pick<Parts, "ports">, keys: SessionKeys, session: SessionId, signal: AbortSignal): Opener {
  return async (hash, block) => {
    const [key, envelope] = await Promise.all([keys.of(session), parts.ports.blobs.fetch(hash, block, signal)]);
    try {
      return opened(key, envelope) ?? (await openedWith(await keys.refreshed(session), envelope));
    } finally {
      key.fill(0);
    }
  };
}

async function openedWith(key: Uint8Array, envelope: Uint8Array): Promise<Uint8Array> {
  const plaintext = opened(key, envelope);
  key.fill(0);
  const reason: FailureReason = "decrypt_failed";
  if (plaintext === undefined) throw unservable(reason, "a blob of its session does not open with the session's key");
  return plaintext;
}

function opened(key: Uint8Array, envelope: Uint8Array): Uint8Array | undefined {
  try {
    return open(key, envelope);
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}

/**
 * The turns before a job, from the chain. What the dispatcher tells of them is compared and no more: the disputer reads the chain, and an answer must be to what the
 * disputer would ask.
 */
async function historyOf(
  parts: Pick<Parts, "ports" | "log">,
  job: JobToPrepare,
  opener: Opener,
): Promise<ChatMessage[]> {
  const { chain } = parts.ports;
  const { submitBlockNumber } = job.onChain;
  const earlier = await chain.earlierJobs(job.session, job.id, submitBlockNumber);
  const told = job.priorJobsTold;
  if (told !== null && told.join() !== earlier.join())
    parts.log.warn(
      { job: job.id.toString(), told: told.map(String), onChain: earlier.map(String) },
      "the dispatcher told of another history than the chain's, which counts",
    );
  const turns = await Promise.all(
    earlier.map(async (id) => {
      const prior = await chain.job(id);
      const { promptBlobHash, responseBlobHash } = prior;
      const asked = promptBlobHash === null ? null : opener(promptBlobHash, prior.submitBlockNumber);
      const completed = responseBlobHash === null ? null : await completionOf(parts, id, prior, submitBlockNumber);
      const isKnown = isAnswerInHistory({ ...prior, completionBlockNumber: completed }, submitBlockNumber);
      const answered =
        responseBlobHash !== null && completed !== null && isKnown ? opener(responseBlobHash, completed) : null;
      const [prompt, answer] = await Promise.all([asked, answered]);
      return replay(prompt, answer);
    }),
  );
  return turns.flat();
}

/** Older networks' jobs do not tell the block of their completion, and an answer's blob is looked for backwards from there: their log does. */
const completionOf = async (
  { ports }: Pick<Parts, "ports">,
  id: JobId,
  { completionBlockNumber, submitBlockNumber }: Job,
  upTo: bigint,
): Promise<bigint | null> => completionBlockNumber ?? ports.chain.completionBlock(id, submitBlockNumber, upTo);
