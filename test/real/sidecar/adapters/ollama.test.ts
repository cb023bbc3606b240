import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { noVoice } from "../../../../protocol/prompt.js";
import { settingsSchema } from "../../../../schema/settings.js";
import { modelName } from "../../../../schema/units.js";
import { createOllama } from "../../../../sidecar/adapters/ollama.js";
import { EmptyAnswer, InferenceFailed, InferenceUnavailable, ModelMissing } from "../../../../sidecar/errors.js";
import type { Delta, Inference, InferencePrompt } from "../../../../sidecar/ports.js";
import { createLogger } from "../../../../system/log.js";
import { settingsOf } from "../../../simulation/simulation.js";
import { tinyModels } from "../../../../devnet/model/answers.js";
import { startModelRegistry } from "../../../../devnet/model/registry.js";
import { startOllama } from "../../devnet/model/ollama.js";
import { tool } from "../../toolchain.js";
import { startLeakingOllama, type LeakingOllama } from "./leaking-ollama.js";

const model = modelName("llama3-8b");
const log = createLogger("test", { level: "silent" });
const question: InferencePrompt = {
  prompt: { kind: "text", text: "Hi", images: [], voice: noVoice, search: false },
  history: [],
};
const end = { done: true, total_duration: 9, load_duration: 1, prompt_eval_count: 2, eval_count: 3, eval_duration: 5 };
let server: Server;
let url: string;
let respond: (response: ServerResponse) => void;
let asked: { path: string | undefined; body: string }[];
let closedEarly: Promise<void>;
let loaded: { name: string }[];

beforeEach(async () => {
  [asked, loaded] = [[], []];
  let sawClose = (): void => undefined;
  closedEarly = new Promise((resolve) => (sawClose = resolve));
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (text: Buffer) => (body += text.toString()));
    request.on("end", () => {
      asked.push({ path: request.url, body });
      response.on("close", () => {
        if (!response.writableEnded) sawClose();
      });
      if (request.url === "/api/show") return void response.end(JSON.stringify({ capabilities: ["completion"] }));
      if (request.url === "/api/ps") return void response.end(JSON.stringify({ models: loaded }));
      respond(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const adapter = (settings: Record<string, unknown> = {}, options: Parameters<typeof createOllama>[2] = {}) =>
  createOllama(
    settingsSchema.parse({ ...JSON.parse(JSON.stringify(settingsOf())), inference: { ollamaUrl: url, ...settings } })
      .inference,
    log,
    options,
  );
const collect = async (inference = adapter(), signal = new AbortController().signal): Promise<Delta[]> => {
  const deltas: Delta[] = [];
  for await (const delta of inference.answer(question, model, signal)) deltas.push(delta);
  return deltas;
};
const lines =
  (...parts: object[]) =>
  (response: ServerResponse) =>
    void response.end(parts.map((part) => `${JSON.stringify(part)}\n`).join(""));

describe("the Ollama adapter", () => {
  test("asks with exactly the network's body, and passes on what is generated", async () => {
    respond = lines(
      { response: "", thinking: "hm" },
      { response: "He" },
      { response: "llo" },
      { response: "", ...end },
    );
    expect(await collect()).toMatchObject([
      { kind: "reasoning", text: "hm" },
      { kind: "text", text: "He" },
      { kind: "text", text: "llo" },
      { kind: "done", counts: { evalCount: 3 }, maxTokens: 1024 },
    ]);
    expect(asked.at(-1)).toEqual({
      path: "/api/generate",
      body: '{"prompt":"Hi","model":"llama3-8b","stream":true,"keep_alive":-1,"options":{"num_predict":1024,"temperature":0,"seed":42},"think":false}',
    });
  });

  test("puts characters together that arrive in pieces", async () => {
    const bytes = Buffer.from(
      `${JSON.stringify({ response: "größe 🌊" })}\n${JSON.stringify({ response: "", ...end })}`,
    );
    respond = (response) => {
      let at = 0;
      const next = (): void => {
        if (at >= bytes.length) return void response.end();
        response.write(bytes.subarray(at, (at += 3)), next);
      };
      next();
    };
    expect((await collect())[0]).toEqual({ kind: "text", text: "größe 🌊" });
  });

  test.each<[situation: string, respond: (response: ServerResponse) => void, error: unknown, words: RegExp]>([
    ["a stream that is cut off is no answer", lines({ response: "He" }), InferenceFailed, /cut off/],
    [
      "a connection that breaks is no answer",
      (response) => void response.write('{"response":"He"}\n', () => response.destroy()),
      InferenceFailed,
      /did not answer/,
    ],
    [
      "an error in the stream is passed on",
      lines({ response: "He" }, { error: "out of memory" }),
      InferenceFailed,
      /out of memory/,
    ],
    ["an empty answer is none", lines({ response: "", ...end }), EmptyAnswer, /empty answer\./],
    [
      "thoughts alone are no answer",
      lines({ response: "", thinking: "hm" }, { response: "", ...end }),
      EmptyAnswer,
      /after thinking/,
    ],
    [
      "a model that is not there is missing",
      (response) => void response.writeHead(404).end("{}"),
      ModelMissing,
      /no model/,
    ],
    [
      "any other status is a failure",
      (response) => void response.writeHead(500).end("broken"),
      InferenceFailed,
      /500: broken/,
    ],
    ["what is not Ollama's is a failure", (response) => void response.end("<html>"), InferenceFailed, /not understood/],
    [
      "a line without end is a failure",
      (response) => void response.end("x".repeat(1_100_000)),
      InferenceFailed,
      /too long/,
    ],
  ])("%s", async (_, how, error, words) => {
    respond = how;
    const failed = collect();
    await expect(failed).rejects.toBeInstanceOf(error);
    await expect(failed).rejects.toThrow(words);
  });

  test("gives up on a generation that takes too long, and stops the model", async () => {
    respond = (response) => void response.write('{"response":"He"}\n');
    await expect(collect(adapter({ ollamaTimeoutMs: 300 }))).rejects.toThrow(/longer than/);
    await closedEarly;
  });

  test("stops the model when it is not wanted any more", async () => {
    respond = (response) => void response.write('{"response":"He"}\n');
    const enough = new AbortController();
    const failed = collect(adapter(), enough.signal);
    setTimeout(() => enough.abort(new Error("enough")), 100);
    await expect(failed).rejects.toThrow();
    await closedEarly;
  });

  test("asks for no more than the sample that is wanted, of which thoughts are one, too", async () => {
    respond = lines({ response: "", thinking: "hm" }, { response: "", ...end });
    const deltas: Delta[] = [];
    for await (const delta of adapter().answer(question, model, new AbortController().signal, 8)) deltas.push(delta);
    expect(deltas).toMatchObject([{ kind: "reasoning" }, { kind: "done", maxTokens: 8 }]);
    expect(asked.at(-1)?.body).toContain('"num_predict":8');
    respond = lines({ response: "", ...end, eval_count: 0 });
    await expect(
      adapter().answer(question, model, new AbortController().signal, 8)[Symbol.asyncIterator]().next(),
    ).rejects.toThrow(/empty/);
  });

  test("asks a model that is loaded for one word first, once, as a former process may have broken an answer off", async () => {
    loaded = [{ name: `${model}:latest` }];
    respond = lines({ response: "Hi" }, { response: "", ...end });
    const inference = adapter();
    await collect(inference);
    await collect(inference);
    const bodies = asked.filter(({ path }) => path === "/api/generate").map(({ body }) => JSON.parse(body) as object);
    expect(bodies).toMatchObject([
      { prompt: "Hello", stream: false, options: { num_predict: 1 } },
      { prompt: "Hi", stream: true },
      { prompt: "Hi", stream: true },
    ]);
  });

  test("says by name when nobody answers", async () => {
    const gone = adapter({ ollamaUrl: "http://127.0.0.1:1" });
    await expect(gone.models()).rejects.toBeInstanceOf(InferenceUnavailable);
    await expect(collect(gone)).rejects.toBeInstanceOf(InferenceUnavailable);
  });
});

describe("an Ollama that keeps the place of who goes away", () => {
  let leaking: LeakingOllama;
  let inference: Inference;
  beforeEach(async () => {
    leaking = await startLeakingOllama(model);
    inference = adapter({ ollamaUrl: leaking.url, ollamaTimeoutMs: 60_000 }, { wordMs: 300 });
  });
  afterEach(() => leaking.stop());
  const asked = (text: string, signal = new AbortController().signal): AsyncIterable<Delta> =>
    inference.answer({ prompt: { ...question.prompt, text } as InferencePrompt["prompt"], history: [] }, model, signal);
  const whole = async (text: string): Promise<string> => {
    const deltas: Delta[] = [];
    for await (const delta of asked(text)) deltas.push(delta);
    return deltas.map((delta) => (delta.kind === "done" ? "." : delta.text)).join("");
  };

  test("has the model unloaded before the next one is asked for", async () => {
    for await (const delta of asked("endless")) if (delta.kind === "text") break;
    expect(await whole("Hi")).toBe("Hello.");
    expect(await whole("Hi")).toBe("Hello.");
    expect(leaking.unloads).toBe(1);
  });

  test("answers those who waited behind it, too: the model is not unloaded while they do, so they come back", async () => {
    const cut = new AbortController();
    const first = (async () => {
      for await (const delta of asked("endless", cut.signal)) expect(delta.kind).toBe("text");
    })();
    await vi.waitFor(() => expect(leaking.asked).toBe(1));
    const others = [whole("Hi"), whole("Hi")];
    await vi.waitFor(() => expect(leaking.waiting).toBe(2));
    cut.abort(new Error("too late"));
    await expect(first).rejects.toThrow();
    expect(await Promise.all(others)).toEqual(["Hello.", "Hello."]);
    expect(leaking.unloads).toBe(1);
  });

  test("is freed by the next process after one that was killed", async () => {
    for await (const delta of asked("endless")) if (delta.kind === "text") break;
    inference = adapter({ ollamaUrl: leaking.url }, { wordMs: 300 });
    expect(await whole("Hi")).toBe("Hello.");
    expect(leaking.unloads).toBe(1);
  });
});

test("a real Ollama lists its models and misses the one it does not have", async () => {
  const ollama = await startOllama(await tool("ollama"));
  try {
    const real = adapter({ ollamaUrl: ollama.url });
    expect(await real.models()).toEqual([]);
    await expect(collect(real)).rejects.toBeInstanceOf(ModelMissing);
  } finally {
    await ollama.stop();
  }
});

test("a real Ollama answers although the answers before were broken off, over and over", async () => {
  const registry = await startModelRegistry({ models: tinyModels });
  const ollama = await startOllama(await tool("ollama"));
  try {
    const name = modelName("tiny-poet:1b");
    await ollama.client.pull({ model: registry.pullName(name), insecure: true });
    await ollama.client.copy({ source: registry.pullName(name), destination: name });
    const inference = adapter({ ollamaUrl: ollama.url });
    const long = "river stone lamp ".repeat(8_000);
    const asked = (text: string, signal: AbortSignal): AsyncIterable<Delta> =>
      inference.answer(
        { prompt: { ...question.prompt, text } as InferencePrompt["prompt"], history: [] },
        name,
        signal,
      );
    for (let round = 0; round < 25; round++) {
      let deltas = 0;
      for await (const delta of asked(long, new AbortController().signal)) if (++deltas >= 8 && delta.kind) break;
      const answer: Delta[] = [];
      for await (const delta of asked("Tell me about the river.", AbortSignal.timeout(60_000))) answer.push(delta);
      expect(answer.at(-1)?.kind, `round ${round}`).toBe("done");
    }
  } finally {
    await ollama.stop();
    await registry.stop();
  }
}, 600_000);
