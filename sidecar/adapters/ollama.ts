import { Ollama } from "ollama";
import { spellings } from "../../protocol/model-id.js";
import { ollamaCall, type InferenceSettings, type OllamaCall } from "../../protocol/ollama-request.js";
import { noVoice } from "../../protocol/prompt.js";
import { maxLineBytes, parseOllamaLine } from "../../protocol/ollama-stream.js";
import { describeError } from "../../schema/errors.js";
import type { Settings } from "../../schema/settings.js";
import type { ModelName } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { EmptyAnswer, InferenceFailed, InferenceUnavailable, ModelMissing } from "../errors.js";
import type { Delta, Inference } from "../ports.js";
import { createPlaces, type Place } from "./ollama-places.js";

/** Longest wait for a list of models, in ms. */
const listTimeoutMs = 5_000;
/** Longest wait for one word of a model that is loaded, and for its unloading, in ms. */
const defaultWordMs = 15_000;
/** Pause between two looks at whether it is unloaded, in ms. */
const lookMs = 100;
/** What it is asked to say one to. */
const greeting = { kind: "text", text: "Hello", images: [], voice: noVoice, search: false } as const;

/**
 * Ollama. Generations are asked for with `fetch` and read with the protocol's own parser, because the body has to be the network's to the byte and a
 * cut-off stream has to be told from a finished one; everything else goes through Ollama's client. Source: sidecar reference §3.5, §3.6.
 */
export function createOllama(
  settings: Settings["inference"],
  log: Logger,
  { wordMs = defaultWordMs }: { readonly wordMs?: number } = {},
): Inference {
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

  const isLoaded = async (model: ModelName): Promise<boolean | undefined> => {
    try {
      const { models } = await client(url).ps();
      return models.some(({ name }) => spellings(name).includes(model));
    } catch {
      return undefined;
    }
  };
  const places = createPlaces({
    isLoaded,
    // Not as a stream: of those alone a client that goes away may leave its place taken.
    answers: async (model) => {
      const word = { ...(await requestSettings(model)), maxTokens: 1 };
      const { path, body } = ollamaCall(greeting, [], model, word, false);
      const asked = { method: "POST", body: JSON.stringify(body), signal: AbortSignal.timeout(wordMs) };
      try {
        await (await fetch(`${url}${path}`, asked)).arrayBuffer(); // what it says, and be it an error, is no matter
        return true;
      } catch (error) {
        if (asked.signal.aborted) return false;
        throw error;
      }
    },
    unload: async (model) => {
      const end = AbortSignal.timeout(wordMs);
      for (;;) {
        await client(url, end).generate({ model, prompt: "", keep_alive: 0 }); // whoever asks after it keeps the model loaded
        if ((await isLoaded(model)) !== true) return;
        if (end.aborted) throw new Error(`${model} is in use, and was not unloaded`);
        await systemClock.sleep(lookMs);
      }
    },
    log,
  });
  const free = async (model: ModelName, signal: AbortSignal): Promise<void> => {
    try {
      await places.free(model, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new InferenceUnavailable(url, error);
    }
  };
  /** Asks, and once more as long as what is waited for may never come. */
  const begin = async (call: OllamaCall, model: ModelName, signal: AbortSignal): Promise<Begun> => {
    for (;;) {
      await free(model, signal);
      const place = places.take(model);
      const until = AbortSignal.any([signal, AbortSignal.timeout(settings.ollamaTimeoutMs)]);
      try {
        const body = await ask(url, call, model, AbortSignal.any([until, place.again]));
        place.began();
        return { body, leave: place.leave };
      } catch (error) {
        const weWent = until.aborted || place.again.aborted;
        place.leave(!weWent);
        if (until.aborted || !place.again.aborted) throw error;
      }
    }
  };

  return {
    answer: async function* ({ prompt, history }, model, signal, sample): AsyncIterable<Delta> {
      const wanted = await requestSettings(model);
      const request = { ...wanted, maxTokens: sample ?? wanted.maxTokens };
      const call = ollamaCall(prompt, history, model, request, true);
      const done = new AbortController();
      let answered = false;
      let thought = false;
      let isWhole = false;
      let begun: Begun | undefined;
      try {
        begun = await begin(call, model, AbortSignal.any([signal, done.signal]));
        for await (const line of lines(begun.body, model)) {
          const read = parseOllamaLine(line);
          if (read === null) continue;
          if (read.kind === "error") throw new InferenceFailed(model, read.message);
          if (read.thinking !== "") yield { kind: "reasoning", text: read.thinking };
          if (read.content !== "") yield { kind: "text", text: read.content };
          thought ||= read.thinking !== "";
          answered ||= read.content !== "";
          if (read.kind !== "done") continue;
          isWhole = true;
          const isEnough = answered || (sample !== undefined && read.counts.evalCount > 0);
          if (!isEnough) throw new EmptyAnswer(model, thought);
          yield { kind: "done", counts: read.counts, maxTokens: request.maxTokens };
          return;
        }
        throw new InferenceFailed(model, "its answer was cut off");
      } catch (error) {
        throw named(error, model);
      } finally {
        begun?.leave(isWhole);
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

/** An answer of which the first piece is there. */
interface Begun {
  readonly body: ReadableStream<Uint8Array>;
  readonly leave: Place["leave"];
}

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
