import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyModels } from "../../../../devnet/model/answers.js";
import { startModelRegistry, type ModelRegistry } from "../../../../devnet/model/registry.js";
import { modelName, type ModelName } from "../../../../schema/units.js";
import { tool } from "../../toolchain.js";
import { startOllama } from "./ollama.js";

const poet = modelName("tiny-poet:1b");
const echo = modelName("tiny-echo");
let registry: ModelRegistry;
const stops: (() => Promise<void>)[] = [];
let ollama: Awaited<ReturnType<typeof startOllama>>;

beforeAll(async () => {
  registry = await startModelRegistry({ models: tinyModels });
  stops.push(() => registry.stop());
  ollama = await startOllama(await tool("ollama"));
  stops.push(() => ollama.stop());
  for (const name of [poet, echo]) {
    await ollama.client.pull({ model: registry.pullName(name), insecure: true });
    await ollama.client.copy({ source: registry.pullName(name), destination: name });
  }
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

interface Generated {
  readonly response: string;
  readonly done_reason: string;
  readonly load_duration: number;
  readonly eval_count: number;
}
/** Asks in exactly the body that a worker sends (sidecar reference §3.5). */
async function generate(model: ModelName, prompt: string, options: object = {}): Promise<Generated> {
  const response = await fetch(`${ollama.url}/api/generate`, {
    method: "POST",
    body: JSON.stringify({
      model,
      prompt,
      stream: false,
      keep_alive: -1,
      options: { num_predict: 1024, temperature: 0, seed: 42, ...options },
      think: false,
    }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Generated;
}
const answerOf = (name: ModelName, word: string): string =>
  tinyModels.find((text) => text.name === name)!.topics.find(({ words }) => words.includes(word))!.answer;

test("Ollama pulls a model from the registry and reports the registry's digest under the network's own name", async () => {
  const { models } = await ollama.client.list();
  const digestOf = (name: string) => models.find((model) => model.name === name)?.digest;
  expect(`sha256:${digestOf("tiny-poet:1b")}`).toBe(registry.digestOf(poet));
  expect(`sha256:${digestOf("tiny-echo:latest")}`).toBe(registry.digestOf(echo));
});

describe("a tiny model in a real Ollama", () => {
  test("is loaded in under a second, and answers the same each time", async () => {
    await ollama.client.generate({ model: poet, prompt: "", keep_alive: 0 });
    const first = await generate(poet, "Tell me about the river, please.");
    const second = await generate(poet, "Tell me about the river, please.");
    expect(first.load_duration / 1e9).toBeLessThan(1);
    expect(first.response).toBe(answerOf(poet, "river"));
    expect(second.response).toBe(first.response);
    expect([first.done_reason, second.done_reason]).toEqual(["stop", "stop"]);
  });

  test("knows all its words, small and capital, alone, in the middle and in the plural", async () => {
    for (const { words, answer } of tinyModels.find(({ name }) => name === poet)!.topics) {
      if (words.includes("long")) continue;
      const word = words[0]!;
      for (const prompt of [word, `What is a ${word}?`, `${word.charAt(0).toUpperCase()}${word.slice(1)}s, then`])
        expect((await generate(poet, prompt)).response).toBe(answer);
    }
  });

  test("says what it knows when it is asked for something else", async () => {
    expect((await generate(poet, "Start a search for my seat, will you?")).response).toMatch(
      /^I know few things by heart/,
    );
  });

  test("answers to the last of several words", async () => {
    expect((await generate(poet, "the river or the sea")).response).toBe(answerOf(poet, "sea"));
    expect((await generate(poet, "the sea or the river")).response).toBe(answerOf(poet, "river"));
  });

  test("follows a conversation: a question without a topic stays with the topic before it", async () => {
    const chat = async (last: string) => {
      const messages = [
        { role: "user", content: "What of the river?" },
        { role: "assistant", content: answerOf(poet, "river") },
        { role: "user", content: last },
      ];
      return (await ollama.client.chat({ model: poet, messages, options: { temperature: 0, seed: 42 } })).message
        .content;
    };
    expect(await chat("Go on, please.")).toBe(answerOf(poet, "river"));
    expect(await chat("Bread, now.")).toBe(answerOf(poet, "bread"));
  });

  test("is another model under another name", async () => {
    expect((await generate(echo, "the river")).response).toBe(answerOf(echo, "river"));
  });

  test("does not depend on temperature or seed", async () => {
    expect((await generate(echo, "money", { temperature: 1.5, seed: 7 })).response).toBe(answerOf(echo, "money"));
  });

  test("streams a long answer in several hundred pieces, to its very end", async () => {
    const stream = await ollama.client.generate({
      model: poet,
      prompt: "Count sheep for a long while",
      stream: true,
      options: { temperature: 0, seed: 42, num_predict: 1024 },
    });
    const pieces: string[] = [];
    for await (const part of stream) if (part.response) pieces.push(part.response);
    expect(pieces.length).toBeGreaterThan(300);
    expect(pieces.join("")).toBe(answerOf(poet, "long"));
  });

  test("answers a prompt as long as one can be on the network", async () => {
    const prompt = `${"Nothing of interest here. ".repeat(4850)}What of the river?`;
    expect(Buffer.byteLength(prompt)).toBeGreaterThan(126_000);
    expect((await generate(poet, prompt)).response).toBe(answerOf(poet, "river"));
  });
});
