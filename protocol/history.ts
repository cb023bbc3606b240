import type { Hash, JobId } from "../schema/units.js";
import { goText } from "./go-text.js";
import { type ChatMessage, decodePrompt } from "./prompt.js";
import { decodeAnswer } from "./response.js";

/** How far before a job its session's earlier jobs are looked for, in blocks. A constant of the protocol: the disputer looks as far. */
export const historyLookbackBlocks = 50_000n;

/** The blocks, both inclusive, whose `JobSubmitted` logs name the earlier jobs of a session. Source: sidecar reference §3.3. */
export function historyRange(submitBlock: bigint): { readonly fromBlock: bigint; readonly toBlock: bigint } {
  const fromBlock = submitBlock > historyLookbackBlocks ? submitBlock - historyLookbackBlocks : 0n;
  return { fromBlock, toBlock: submitBlock };
}

/**
 * Which of a session's jobs in {@link historyRange} came before this one: those with a lower id, oldest first. (A job named twice counts once.)
 * @param submitted ids from the session's `JobSubmitted` logs in that range, in any order
 */
export function priorJobs(job: JobId, submitted: readonly JobId[]): JobId[] {
  return [...new Set(submitted)].filter((id) => id < job).sort((a, b) => (a < b ? -1 : 1));
}

/** Where an earlier job's blobs are; a field of `Job` in `abi/job.ts` each. */
export interface PriorStanding {
  readonly promptBlobHash: Hash | null;
  readonly responseBlobHash: Hash | null;
  readonly completionBlockNumber: bigint | null;
}

/**
 * Whether an earlier job's answer belongs to the history of a job submitted at `submitBlock`: it was on chain by that block. A later one is left
 * out, because whether the worker saw it depends on when it looked, which the disputer cannot know.
 */
export function isAnswerInHistory(prior: PriorStanding, submitBlock: bigint): boolean {
  return (
    prior.responseBlobHash !== null &&
    (prior.completionBlockNumber === null || prior.completionBlockNumber <= submitBlock)
  );
}

/**
 * How an earlier job is replayed: its prompt as a user's message, its answer as the assistant's. A self-contained job was another conversation
 * and is left out with its answer; a prompt that does not decode is replayed as the raw text it is.
 *
 * Fetching or opening either blob must not fail: no job is served on part of a history.
 *
 * @param prompt decrypted prompt, `null` where the job has none
 * @param answer decrypted answer, `null` where it has none or {@link isAnswerInHistory} says no
 */
export function replay(prompt: Uint8Array | null, answer: Uint8Array | null): readonly ChatMessage[] {
  const question = prompt === null ? null : replayPrompt(prompt);
  if (question === "another conversation") return [];
  const messages: ChatMessage[] = question === null ? [] : [question];
  if (answer !== null) messages.push({ role: "assistant", content: decodeAnswer(answer).text });
  return messages;
}

function replayPrompt(plaintext: Uint8Array): ChatMessage | "another conversation" {
  const prompt = decodePrompt(plaintext);
  switch (prompt.kind) {
    case "conversation":
      return "another conversation";
    case "refused":
      return { role: "user", content: goText(plaintext) };
    case "text":
      return { role: "user", content: prompt.text, ...(prompt.images.length > 0 && { images: prompt.images }) };
  }
}
