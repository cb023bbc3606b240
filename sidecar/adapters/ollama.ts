import { Ollama } from "ollama";
import { spellings } from "../../protocol/model-id.js";
import { ollamaCall, type InferenceSettings } from "../../protocol/ollama-request.js";
import { noVoice } from "../../protocol/prompt.js";
import { maxLineBytes, parseOllamaLine } from "../../protocol/ollama-stream.js";
import { describeError } from "../../schema/errors.js";
import type { Settings } from "../../schema/settings.js";
import type { ModelName } from "../../schema/units.js";
import type { Logger } from "../../system/log.js";
import { EmptyAnswer, InferenceFailed, InferenceUnavailable, ModelMissing } from "../errors.js";
import type { Delta, Inference } from "../ports.js";
import { createPlaces } from "./ollama-places.js";

/** Longest wait for a list of models, in ms. */
const listTimeoutMs = 5_000;
/** Longest wait for one word of a model that is loaded, and for its unloading, in ms. */
const wordTimeoutMs = 15_000;
/** What it is asked to say one to. */
const greeting = { kind: "text", text: "Hello", images: [], voice: noVoice, search: false } as const;

/**
 * Ollama. Generations are asked for with `fetch` and read with the protocol's own parser, because the body has to be the network's to the byte and a
 * cut-off stream has to be told from a finished one; everything else goes through Ollama's client. Source: sidecar reference §3.5, §3.6.
 */
export function createOllama(settings: Settings["inference"], log: Logger): Inference {
  const url = settings.ollamaUrl.replace(/\/$/, "");
  const thinking = new Map<ModelName, boolean>();

  const canThink = async (model: ModelName): Promise<boolean> => {
    const known = thinking.get(model);
    if (known !== undefined) return known;
    try {
      const { capabilities } = await client(url).show({ model });
      thinking.set(model, capabilities.includes("thinking"));
    } catch (error) {
      log.warn({ model, reason: describeError(error) }, "could not ask Ollama whether the model thinks");
    }
    return thinking.get(model) ?? false;
  };
  const requestSettings = async (model: ModelName): Promise<InferenceSettings> => ({
    maxTokens:
      settings.reasoningNumPredict > 0 && (await canThink(model)) ? settings.reasoningNumPredict : settings.numPredict,
    contextTokens: settings.numContext,
    keepAlive: String(settings.keepAlive),
    think: settings.think,
  });

  const places = createPlaces({
    isLoaded: async (model) => {
      const { models } = await client(url).ps();
      return models.some(({ name }) => spellings(name).includes(model));
    },
    // Not as a stream: of those alone a client that goes away may leave its place taken.
    answers: async (model) => {
      const word = { ...(await requestSettings(model)), maxTokens: 1 };
      const { path, body } = ollamaCall(greeting, [], model, word, false);
      const asked = { method: "POST", body: JSON.stringify(body), signal: AbortSignal.timeout(wordTimeoutMs) };
      try {
        await (await fetch(`${url}${path}`, asked)).arrayBuffer(); // what it says, and be it an error, is no matter
        return true;
      } catch (error) {
        if (asked.signal.aborted) return false;
        throw error;
      }
    },
    unload: async (model) => {
      await client(url, AbortSignal.timeout(wordTimeoutMs)).generate({ model, prompt: "", keep_alive: 0 });
    },
    log,
  });
  const free = async (model: ModelName, signal: AbortSignal): Promise<void> => {
    try {
      await untilAborted(places.free(model), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new InferenceUnavailable(url, error);
    }
  };

  return {
    answer: async function* ({ prompt, history }, model, signal, sample): AsyncIterable<Delta> {
      const wanted = await requestSettings(model);
      const request = { ...wanted, maxTokens: sample ?? wanted.maxTokens };
      const call = ollamaCall(prompt, history, model, request, true);
      const done = new AbortController();
      const until = AbortSignal.any([signal, done.signal, AbortSignal.timeout(settings.ollamaTimeoutMs)]);
      let answered = false;
      let thought = false;
      let isWhole = false;
      let leave: ReturnType<typeof places.occupy> | undefined;
      try {
        await free(model, until);
        leave = places.occupy(model);
        const body = await ask(url, call, model, until);
        for await (const line of lines(body, model)) {
          const read = parseOllamaLine(line);
          if (read === null) continue;
          if (read.kind === "error") throw new InferenceFailed(model, read.message);
          if (read.thinking !== "") yield { kind: "reasoning", text: read.thinking };
          if (read.content !== "") yield { kind: "text", text: read.content };
          thought ||= read.thinking !== "";
          answered ||= read.content !== "";
          if (read.kind !== "done") continue;
          isWhole = true;
          if (!answered && !(thought && sample !== undefined)) throw new EmptyAnswer(model, thought);
          yield { kind: "done", counts: read.counts, maxTokens: request.maxTokens };
          return;
        }
        throw new InferenceFailed(model, "its answer was cut off");
      } catch (error) {
        throw named(error, model);
      } finally {
        leave?.(isWhole);
        done.abort(); // closing the connection is what stops the model
      }
    },
    models: async () => {
      try {
        const { models } = await client(url, AbortSignal.timeout(listTimeoutMs)).list();
        return models.map(({ name }) => name);
      } catch (error) {
        throw new InferenceUnavailable(url, error);
      }
    },
    usesGpu: async () => {
      try {
        const { models } = await client(url).ps();
        return models.length === 0 ? null : models.some(({ size_vram }) => size_vram > 0);
      } catch (error) {
        throw new InferenceUnavailable(url, error);
      }
    },
  };
}

const client = (url: string, signal: AbortSignal = AbortSignal.timeout(listTimeoutMs)): Ollama =>
  new Ollama({ host: url, fetch: (input, init) => fetch(input, { ...init, signal }) });

/** Waits no longer than is wanted; what was begun goes on. */
const untilAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });

async function ask(
  url: string,
  call: ReturnType<typeof ollamaCall>,
  model: ModelName,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  let response: Response;
  try {
    response = await fetch(`${url}${call.path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(call.body),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new InferenceUnavailable(url, error);
  }
  if (response.status === 404) throw new ModelMissing(model);
  if (response.status !== 200 || response.body === null)
    throw new InferenceFailed(model, `status ${response.status}: ${(await response.text()).trim().slice(0, 200)}`);
  return response.body as ReadableStream<Uint8Array>;
}

async function* lines(body: ReadableStream<Uint8Array>, model: ModelName): AsyncIterable<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
    if (rest.length > maxLineBytes) throw new InferenceFailed(model, "a line of its answer is too long");
  }
  yield rest + decoder.decode();
}

function named(error: unknown, model: ModelName): unknown {
  if (error instanceof Error && error.name === "TimeoutError")
    return new InferenceFailed(model, "it took longer than inference.ollamaTimeoutMs", error);
  const known = [InferenceFailed, InferenceUnavailable, ModelMissing, EmptyAnswer].some(
    (kind) => error instanceof kind,
  );
  return known ? error : new InferenceFailed(model, describeError(error), error);
}
