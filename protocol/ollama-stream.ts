import { z } from "zod";
import { utf8 } from "./go-text.js";

/** Longest line taken from Ollama, in bytes. */
export const maxLineBytes = 1_048_576;

/** Ollama's own measurements of a generation; durations in nanoseconds. */
export interface GenerationCounts {
  readonly totalDuration: number;
  readonly loadDuration: number;
  readonly promptEvalCount: number;
  readonly promptEvalDuration: number;
  readonly evalCount: number;
  readonly evalDuration: number;
}

/** One line of Ollama's answer. A stream that ends without `done` was cut off: its text must never be settled. */
export type OllamaLine =
  | { readonly kind: "delta"; readonly content: string; readonly thinking: string }
  | { readonly kind: "done"; readonly content: string; readonly thinking: string; readonly counts: GenerationCounts }
  | { readonly kind: "error"; readonly message: string };

/** A line that is not Ollama's. */
export class OllamaLineError extends Error {
  constructor() {
    super("Ollama sent a line that is not understood");
    this.name = "OllamaLineError";
  }
}

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
const quantity = z.number().nonnegative().default(0);
const lineSchema = z.object({
  response: text,
  thinking: text,
  message: z.object({ content: text, thinking: text }).nullish(),
  done: z.boolean().default(false),
  error: text,
  total_duration: quantity,
  load_duration: quantity,
  prompt_eval_count: quantity,
  prompt_eval_duration: quantity,
  eval_count: quantity,
  eval_duration: quantity,
});

/**
 * Reads one line of `/api/generate` or `/api/chat` (also the whole body where it was not streamed); `null` for a blank line.
 * Source: sidecar reference §3.5.
 * @throws OllamaLineError
 */
export function parseOllamaLine(line: string): OllamaLine | null {
  if (line.trim() === "") return null;
  const read = lineSchema.safeParse(jsonOrUndefined(line));
  if (!read.success) throw new OllamaLineError();
  const { data } = read;
  if (data.error !== "") return { kind: "error", message: data.error };
  const content = data.response + (data.message?.content ?? "");
  const thinking = data.thinking + (data.message?.thinking ?? "");
  if (!data.done) return { kind: "delta", content, thinking };
  const counts: GenerationCounts = {
    totalDuration: data.total_duration,
    loadDuration: data.load_duration,
    promptEvalCount: data.prompt_eval_count,
    promptEvalDuration: data.prompt_eval_duration,
    evalCount: data.eval_count,
    evalDuration: data.eval_duration,
  };
  return { kind: "done", content, thinking, counts };
}

/** The `generate` form of {@link parseOllamaLine}; one parser reads both. */
export const parseGenerateLine = parseOllamaLine;

/**
 * The plaintext of the stats frame, or `null` when nothing was generated. Source: sidecar reference §3.6.
 * @param thinkingBytes of all thinking deltas
 * @param appliedMaxTokens the `num_predict` in force
 */
export function encodeStats(
  counts: GenerationCounts,
  thinkingBytes: number,
  appliedMaxTokens: number,
): Uint8Array | null {
  const { evalCount, evalDuration, loadDuration, promptEvalCount, promptEvalDuration, totalDuration } = counts;
  if (evalCount === 0) return null;
  const loadMs = milliseconds(loadDuration);
  return utf8(
    JSON.stringify({
      promptTokens: promptEvalCount,
      evalTokens: evalCount,
      ...(thinkingBytes > 0 && { thinkingBytes }),
      tokensPerSecond: evalDuration === 0 ? 0 : Math.round((evalCount * 1e10) / evalDuration) / 10,
      ...(loadMs > 0 && { loadMs }),
      promptEvalMs: milliseconds(promptEvalDuration),
      evalMs: milliseconds(evalDuration),
      totalMs: milliseconds(totalDuration),
      appliedMaxTokens,
    }),
  );
}

const milliseconds = (nanoseconds: number): number => Math.floor(nanoseconds / 1e6);

function jsonOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
