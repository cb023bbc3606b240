import { seal, nonceBytes } from "../../protocol/envelope.js";
import { utf8 } from "../../protocol/go-text.js";
import { encodeStats, type GenerationCounts } from "../../protocol/ollama-stream.js";
import type { JobId, ModelName, SessionId } from "../../schema/units.js";
import { EmptyAnswer, InferenceFailed, InferenceUnavailable, ModelMissing } from "../errors.js";
import type { Frame, InferencePrompt } from "../ports.js";
import { createBatcher } from "./batcher.js";
import type { JobContext } from "./context.js";
import { unanswered } from "./endings.js";
import { patiently } from "./patience.js";

/** A generation that fails although the server answers is begun anew at most this often; one whose server is away, as long as the deadline allows. */
const attempts = 3;

/** What is asked of the model for a job, and where its stream goes. */
export interface Question {
  readonly id: JobId;
  readonly session: SessionId;
  readonly model: ModelName;
  readonly prompt: InferencePrompt;
  /** Session key; the caller zeroes it. */
  readonly key: Uint8Array;
}

/** An answer, whole, and how many frames of it were streamed. */
export interface Generated {
  readonly text: string;
  readonly chunks: number;
}

/**
 * Runs the model and streams what it says; resolves with the whole answer only when the model finished it. Frames are unsigned and may be lost: the answer that
 * counts is the one settled later.
 *
 * @throws JobEnds when there is no answer to be had; the signal's reason when that aborts
 */
export async function infer(context: JobContext, question: Question, signal: AbortSignal): Promise<Generated> {
  const { clock, metrics, slots, server } = context;
  const { model } = question;
  const askedMs = clock.now();
  const leave = await slots.take(signal);
  metrics.waited(model, (clock.now() - askedMs) / 1_000);
  const stream = createStream(context, question);
  const startedMs = clock.now();
  let failures = 0;
  const isFinal = (error: unknown): boolean => {
    if (error instanceof EmptyAnswer || error instanceof ModelMissing) return true;
    if (error instanceof InferenceUnavailable)
      void server.look(); // claims stop at once
    else failures++;
    return failures >= attempts;
  };
  try {
    const text = await patiently(
      context,
      `inference of job ${question.id.toString()}`,
      signal,
      () => generate(context, question, stream, signal),
      (error) => isFinal(error),
    );
    metrics.stageDone("inference", model, "ok", (clock.now() - startedMs) / 1_000);
    return { text, chunks: stream.chunks };
  } catch (error) {
    metrics.stageDone("inference", model, "error", (clock.now() - startedMs) / 1_000);
    signal.throwIfAborted();
    if (error instanceof EmptyAnswer) throw unanswered("unknown", "the model gave an empty answer", error);
    if (error instanceof ModelMissing) throw unanswered("ollama_unreachable", "the model is not there", error);
    if (error instanceof InferenceFailed) throw unanswered("ollama_timeout", "the model failed again and again", error);
    throw error;
  } finally {
    leave();
  }
}

async function generate(
  context: JobContext,
  { prompt, model }: Question,
  stream: Stream,
  signal: AbortSignal,
): Promise<string> {
  const { ports, clock, metrics } = context;
  const startedMs = clock.now();
  const pieces: string[] = [];
  let thinkingBytes = 0;
  for await (const delta of ports.inference.answer(prompt, model, signal)) {
    signal.throwIfAborted();
    if (delta.kind === "done") {
      stream.end(delta.counts, thinkingBytes, delta.maxTokens);
      const seconds = delta.counts.evalDuration / 1e9;
      metrics.generated(model, delta.counts.evalCount, seconds === 0 ? 0 : delta.counts.evalCount / seconds);
      return pieces.join("");
    }
    if (pieces.length === 0 && thinkingBytes === 0) metrics.firstToken(model, (clock.now() - startedMs) / 1_000);
    if (delta.kind === "text") pieces.push(delta.text);
    else thinkingBytes += Buffer.byteLength(delta.text);
    stream.add(delta.kind, delta.text);
  }
  signal.throwIfAborted();
  throw new InferenceFailed(model, "its answer was cut off");
}

interface Stream {
  add(kind: "text" | "reasoning", text: string): void;
  end(counts: GenerationCounts, thinkingBytes: number, maxTokens: number): void;
  readonly chunks: number;
}

/** Frames share one sequence over all kinds, and it goes on when the model has to begin anew. */
function createStream(context: JobContext, { id, session, key }: Question): Stream {
  const { ports, settings, clock, streams } = context;
  const { streamChunkTokens, streamChunkMs, streamReasoning } = settings.inference;
  let chunks = 0;
  const offer = (kind: NonNullable<Frame["kind"]>, plaintext: Uint8Array): void => {
    if (!streams()) return;
    const payload = seal(key, plaintext, ports.random(nonceBytes));
    ports.gateway.offer({ type: "chunk", kind, job: id, session, seq: ++chunks, totalChunks: 0, payload });
  };
  const batcher = createBatcher({
    deltas: streamChunkTokens,
    ms: streamChunkMs,
    now: () => clock.now(),
    emit: (kind, text) => offer(kind, utf8(text)),
  });
  return {
    add: (kind, text) => {
      if (kind === "text" || streamReasoning) batcher.add(kind, text);
    },
    end: (counts, thinkingBytes, maxTokens) => {
      batcher.flush();
      const stats = encodeStats(counts, thinkingBytes, maxTokens);
      if (stats !== null) offer("stats", stats);
    },
    get chunks() {
      return chunks;
    },
  };
}
