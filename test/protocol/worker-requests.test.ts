import { describe, expect, test } from "vitest";
import { encodeHeartbeat, heartbeatSchema } from "../../protocol/heartbeat.js";
import { knownModelNames, modelIdOf, modelNameOf } from "../../protocol/model-id.js";
import { type InferenceSettings, ollamaCall } from "../../protocol/ollama-request.js";
import {
  type GenerationCounts,
  OllamaLineError,
  encodeStats,
  parseGenerateLine,
  parseOllamaLine,
} from "../../protocol/ollama-stream.js";
import { type TextPrompt, noVoice } from "../../protocol/prompt.js";
import { modelName } from "../../schema/units.js";

describe("a model's id", () => {
  test.each([
    ["llama3-8b", "0xf4a414fa51803433e9197f32cda96d5cb2ac8269c481eb0262fe2dd11f428848"],
    ["llama3-70b", "0x665d85c3b24f6a5cb91f90ec2e215d6155531158ff7ba81dfd182ecfab1dd4cf"],
    ["glm-4.7-flash", "0x35f686ade96649d2bf47e024eca280619fc80458c5cdece4804fc3f1561bd542"],
    ["gpt-oss:20b", "0x812058e1dbc4b7ee2b5c8db96cd83bdc110740ae43d3fa4ee116e7e38e2ea802"],
    ["gpt-oss:120b", "0x7519e6b291d1e88ee9c045dce2d1e9db92a3bba4ed967be12426b3c71bbc7c98"],
    ["qwen3-vl:8b", "0xab5055d54803561873a25c21f4cc853371b17b69620b39b2ecca824c259b2ff3"],
    ["qwen3-vl:30b", "0x18db253105a3231f058bd6a14970d9230a64a9e54df29e47cc5c6c355c1a84ca"],
    ["qwen3-embedding:0.6b", "0xde701c92d38c91686d6f7f44f9b634b3adf16b8e79bb9094abfec66180a18f67"],
    ["gemma4:e2b", "0x264fdec586bc9c5f17becd6ead7e43cb69aa68a9dd6dea3dbbeca8c8717325d1"],
  ])("of %s is %s, and leads back to the name", (name, id) => {
    expect(modelIdOf(name)).toBe(id);
    expect(knownModelNames).toContain(name);
    expect(modelNameOf(modelIdOf(name))).toBe(name);
  });
  test("is never hashed again", () => {
    const id = modelIdOf("llama3-8b");
    expect(modelIdOf(id)).toBe(id);
    expect(modelIdOf(`0x${id.slice(2).toUpperCase()}`)).toBe(id);
  });
  test("of one digit less is a name like any other", () => {
    const short = modelIdOf("llama3-8b").slice(0, -1);
    expect(modelIdOf(short)).not.toBe(short);
  });
  test("of one's own model leads to what is configured", () => {
    const own = modelName("my-model:1b");
    expect(modelNameOf(modelIdOf(own))).toBeUndefined();
    expect(modelNameOf(modelIdOf(own), [own])).toBe(own);
  });
});

test("the heartbeat is written letter by letter, and read again", () => {
  const id = modelIdOf("llama3-8b");
  const text = encodeHeartbeat({ activeJobs: 1, maxJobs: 2, models: [id], capabilities: [] });
  expect(text).toBe(
    `{"activeJobs":1,"maxJobs":2,"models":["${id}"],"capabilities":[],"protocolVersion":2,"ollamaStatus":"ready","uptimeSeconds":0}`,
  );
  expect(heartbeatSchema.parse(JSON.parse(text))).toEqual(JSON.parse(text));
  const older = { activeJobs: 0, maxJobs: 1, models: [] };
  expect(heartbeatSchema.parse(older)).toMatchObject({ ...older, capabilities: [], protocolVersion: 1 });
  expect(heartbeatSchema.safeParse({ ...older, models: ["llama3-8b"] }).success).toBe(false);
});

describe("the call to Ollama", () => {
  const model = modelName("llama3-8b");
  const settings: InferenceSettings = { maxTokens: 1024, contextTokens: 0, keepAlive: "-1", think: false };
  const prompt = (more: Partial<TextPrompt> = {}): TextPrompt => ({
    kind: "text",
    text: "What is 2+2?",
    images: [],
    voice: noVoice,
    search: false,
    ...more,
  });
  const base = {
    model,
    stream: true,
    keep_alive: -1,
    options: { num_predict: 1024, temperature: 0, seed: 42 },
    think: false,
  };
  const user = { role: "user", content: "What is 2+2?" };
  const earlier = [
    { role: "user", content: "Hello" },
    { role: "assistant", content: "Hi" },
  ];

  test("for a text alone is generate", () => {
    expect(ollamaCall(prompt(), [], model, settings, true)).toEqual({
      path: "/api/generate",
      body: { ...base, prompt: "What is 2+2?" },
    });
  });
  test("with history is chat", () => {
    expect(ollamaCall(prompt(), earlier, model, settings, true)).toEqual({
      path: "/api/chat",
      body: { ...base, messages: [...earlier, user] },
    });
  });
  test("with images is chat, the images with the last turn", () => {
    expect(ollamaCall(prompt({ images: ["aW1n"] }), [], model, settings, true)).toEqual({
      path: "/api/chat",
      body: { ...base, messages: [{ ...user, images: ["aW1n"] }] },
    });
  });
  test("for a self-contained prompt is chat with exactly its messages, whatever the history", () => {
    const conversation = { kind: "conversation" as const, messages: [user], search: false };
    expect(ollamaCall(conversation, earlier, model, settings, true)).toEqual({
      path: "/api/chat",
      body: { ...base, messages: [user] },
    });
  });
  test("takes the operator's settings", () => {
    const { body } = ollamaCall(
      prompt(),
      [],
      model,
      { maxTokens: 4096, contextTokens: 8192, keepAlive: "5m", think: "low", temperature: 0.5 },
      false,
    );
    expect(body).toMatchObject({ stream: false, keep_alive: "5m", think: "low" });
    expect(body.options).toEqual({ num_predict: 4096, num_ctx: 8192, temperature: 0.5, seed: 42 });
  });
  test("leaves keep_alive out when it is empty", () => {
    expect(ollamaCall(prompt(), [], model, { ...settings, keepAlive: "" }, true).body).not.toHaveProperty("keep_alive");
  });
});

describe("a line of Ollama's answer", () => {
  const done = {
    done: true,
    total_duration: 5_000_000_000,
    load_duration: 1_500_999,
    prompt_eval_count: 26,
    prompt_eval_duration: 130_000_000,
    eval_count: 259,
    eval_duration: 4_232_710_000,
  };
  const counts: GenerationCounts = {
    totalDuration: 5_000_000_000,
    loadDuration: 1_500_999,
    promptEvalCount: 26,
    promptEvalDuration: 130_000_000,
    evalCount: 259,
    evalDuration: 4_232_710_000,
  };
  test.each<[what: string, line: object, read: object]>([
    ["a word of generate", { response: "Hi", done: false }, { kind: "delta", content: "Hi", thinking: "" }],
    [
      "a thought of generate",
      { response: "", thinking: "Hm", done: false },
      { kind: "delta", content: "", thinking: "Hm" },
    ],
    [
      "a word of chat",
      { message: { role: "assistant", content: "Hi" }, done: false },
      { kind: "delta", content: "Hi", thinking: "" },
    ],
    ["a thought of chat", { message: { content: "", thinking: "Hm" } }, { kind: "delta", content: "", thinking: "Hm" }],
    ["the end", { response: "!", ...done }, { kind: "done", content: "!", thinking: "", counts }],
    ["an error", { error: "model requires more memory" }, { kind: "error", message: "model requires more memory" }],
  ])("is %s", (_, line, read) => {
    expect(parseOllamaLine(JSON.stringify(line))).toEqual(read);
    expect(parseGenerateLine(` ${JSON.stringify(line)}\r`)).toEqual(read);
  });
  test("that is blank says nothing", () => {
    expect(parseOllamaLine(" \r")).toBeNull();
  });
  test.each(["{", "[]", '{"response":7}', '{"done":"true"}', "null"])("is never %s", (line) => {
    expect(() => parseOllamaLine(line)).toThrow(OllamaLineError);
  });
  test("gives the stats that a consumer is shown", () => {
    expect(JSON.parse(Buffer.from(encodeStats(counts, 0, 1024)!).toString())).toEqual({
      promptTokens: 26,
      evalTokens: 259,
      tokensPerSecond: 61.2,
      loadMs: 1,
      promptEvalMs: 130,
      evalMs: 4232,
      totalMs: 5000,
      appliedMaxTokens: 1024,
    });
    const thought = JSON.parse(
      Buffer.from(encodeStats({ ...counts, loadDuration: 0, evalDuration: 0 }, 7, 1)!).toString(),
    ) as object;
    expect(thought).toMatchObject({ thinkingBytes: 7, tokensPerSecond: 0 });
    expect(thought).not.toHaveProperty("loadMs");
  });
  test("gives no stats when nothing was generated", () => {
    expect(encodeStats({ ...counts, evalCount: 0 }, 0, 1)).toBeNull();
  });
});
