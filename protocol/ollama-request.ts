import type { ModelName } from "../schema/units.js";
import type { ChatMessage, ConversationPrompt, TextPrompt } from "./prompt.js";

/** Seed of every generation: the disputer runs the job again and compares. */
export const protocolSeed = 42;
/** Temperature of every generation, sent explicitly because Ollama's own default is 0.8. */
export const protocolTemperature = 0;

/** What an operator may set about inference. */
export interface InferenceSettings {
  /** Most tokens to generate (`num_predict`). */
  readonly maxTokens: number;
  /** Context length in tokens; 0 leaves it to the model. */
  readonly contextTokens: number;
  /** How long the model stays loaded: seconds (`-1` for ever), a duration such as `5m`, or empty for Ollama's default. */
  readonly keepAlive: string;
  /** Whether, or how hard, a thinking model thinks. */
  readonly think: boolean | "low" | "medium" | "high";
  /** Default: {@link protocolTemperature}; anything else risks disputes. */
  readonly temperature?: number;
}

interface RequestOptions {
  readonly num_predict: number;
  readonly num_ctx?: number;
  readonly temperature: number;
  readonly seed: number;
}
interface RequestBase {
  readonly model: ModelName;
  readonly stream: boolean;
  readonly keep_alive?: number | string;
  readonly options: RequestOptions;
  readonly think: InferenceSettings["think"];
}
/** Body of `POST /api/generate`. */
export interface GenerateRequest extends RequestBase {
  readonly prompt: string;
}
/** Body of `POST /api/chat`. */
export interface ChatRequest extends RequestBase {
  readonly messages: readonly ChatMessage[];
}
/** A call to Ollama: which one, and its body. */
export type OllamaCall =
  | { readonly path: "/api/generate"; readonly body: GenerateRequest }
  | { readonly path: "/api/chat"; readonly body: ChatRequest };

/**
 * The call that answers a prompt: chat when it is self-contained, has history or has images; otherwise generate. No system prompt is ever added.
 * Source: sidecar reference §3.4, §3.5.
 */
export function ollamaCall(
  prompt: TextPrompt | ConversationPrompt,
  history: readonly ChatMessage[],
  model: ModelName,
  settings: InferenceSettings,
  stream: boolean,
): OllamaCall {
  const base = requestBase(model, settings, stream);
  if (prompt.kind === "conversation") {
    const messages = prompt.messages.map(({ role, content }) => ({ role, content }));
    return { path: "/api/chat", body: { messages, ...base } };
  }
  const { text, images } = prompt;
  if (history.length === 0 && images.length === 0) return { path: "/api/generate", body: { prompt: text, ...base } };
  const turn: ChatMessage = { role: "user", content: text, ...(images.length > 0 && { images }) };
  return { path: "/api/chat", body: { messages: [...history, turn], ...base } };
}

function requestBase(model: ModelName, settings: InferenceSettings, stream: boolean): RequestBase {
  const { maxTokens, contextTokens, keepAlive, think, temperature = protocolTemperature } = settings;
  return {
    model,
    stream,
    ...(keepAlive !== "" && { keep_alive: /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive }),
    options: {
      num_predict: maxTokens,
      ...(contextTokens !== 0 && { num_ctx: contextTokens }),
      temperature,
      seed: protocolSeed,
    },
    think,
  };
}
