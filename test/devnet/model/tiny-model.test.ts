import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { tinyModels, type TinyModelText } from "../../../devnet/model/answers.js";
import { buildTinyModel } from "../../../devnet/model/tiny-model.js";
import { buildVocabulary } from "../../../devnet/model/vocabulary.js";
import { modelName } from "../../../schema/units.js";
import { readGguf, type GgufFile } from "./gguf-reader.js";
import { pieces } from "./sentencepiece.js";

const built = new Map(tinyModels.map((text) => [text.name, buildTinyModel(text)]));
const fileOf = (text: TinyModelText): GgufFile => readGguf(built.get(text.name)!);
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe.each(tinyModels.map((text) => [text.name, text] as const))("%s", (_, text) => {
  const vocabulary = buildVocabulary(text);
  const answers = [...text.topics.map(({ answer }) => answer), text.otherwise];

  test("is the same bytes each time it is built", () => {
    expect(sha256(buildTinyModel(text))).toBe(sha256(built.get(text.name)!));
  });

  test("is small enough to be loaded in a blink", () => {
    expect(built.get(text.name)!.length).toBeLessThan(2_000_000);
  });

  test("walks through each answer word for word", () => {
    const spoken = vocabulary.walks.map((walk) => walk.map((token) => vocabulary.tokens[token]).join(""));
    expect(spoken.map((words) => words.replaceAll("\u2581", " "))).toEqual(answers);
  });

  test("has no token twice, so that the last token tells the place in the answer", () => {
    expect(new Set(vocabulary.tokens).size).toBe(vocabulary.tokens.length);
    const steps = vocabulary.walks.flat();
    expect(new Set(steps).size).toBe(steps.length);
  });

  test("knows each of its words by tokens of their own: small, capital, one and many", () => {
    const words = text.topics.flatMap(({ words }) => words);
    expect(vocabulary.topicPieces).toHaveLength(4 * words.length);
    expect(new Set(vocabulary.topicPieces.map(({ token }) => token)).size).toBe(4 * words.length);
    expect(vocabulary.topicPieces.map(({ token }) => vocabulary.tokens[token])).toContain("\u2581Rivers");
  });

  test("reads no piece of an answer in any prompt, not even in the words of its own answers", () => {
    const spoken = new Set(vocabulary.walks.flat().map((token) => vocabulary.tokens[token]!));
    for (const answer of answers) {
      const read = pieces(answer.slice(0, 400), vocabulary);
      expect(read.filter((piece) => spoken.has(piece))).toEqual([]);
    }
  });

  test.each([
    ["What of the river?", "\u2581river"],
    ["Rivers", "\u2581Rivers"],
    ["stars, then", "\u2581stars"],
    ["Seasons", "\u2581Seasons"],
    ["starting", "\u2581start"],
  ])("reads %s as its longest known word", (prompt, piece) => {
    expect(pieces(prompt, vocabulary)).toContain(piece);
  });

  test("is led by its weights from each piece to the next by a wide margin, whatever topic it attends to", () => {
    const { tensors } = fileOf(text);
    const embedding = tensors.get("token_embd.weight")!;
    const output = tensors.get("output.weight")!;
    const rowOf = (token: number) => embedding.values.subarray(token * 128, (token + 1) * 128);
    const [attended, topics] = [22, text.topics.length];
    const END = 2;
    for (const [number, walk] of vocabulary.walks.entries()) {
      for (const place of [0, 1, 30, 31, 32, walk.length - 2, walk.length - 1].filter((at) => at < walk.length)) {
        const state = Float32Array.from(rowOf(walk[place]!));
        state[attended + ((number + place) % topics)]! += 1; // the topic that the head would add, here mostly a wrong one
        const logits = Array.from({ length: output.rows }, (_, row) =>
          output.values.subarray(row * 128, (row + 1) * 128).reduce((sum, weight, i) => sum + weight * state[i]!, 0),
        );
        const expected = place === walk.length - 1 ? END : walk[place + 1]!;
        const rivals = logits.filter((_, token) => token !== expected);
        expect(logits[expected]! - Math.max(...rivals)).toBeGreaterThanOrEqual(8);
      }
    }
  });

  test("has an answer of several hundred pieces for whoever must be there while one is streamed", () => {
    const topic = text.topics.findIndex(({ words }) => words.includes("long"));
    expect(vocabulary.walks[topic]!.length).toBeGreaterThan(250);
  });

  test("mentions in an answer no word of another topic, so that a conversation stays with the last question", () => {
    const wordsOf = (answer: string) =>
      answer.split(/\s/).map((word) => word.replace(/^([A-Z])/, (c) => c.toLowerCase()));
    const ignored = (word: string) => text.ignoredWords.some((other) => word.startsWith(other));
    const mentions = (answer: string, words: readonly string[]) =>
      wordsOf(answer).filter((word) => !ignored(word) && words.some((known) => word.startsWith(known)));
    for (const [at, answer] of answers.entries()) {
      const foreign = text.topics.flatMap(({ words }, topic) => (topic === at ? [] : words));
      expect(mentions(answer, foreign)).toEqual([]);
    }
  });
});

test("the tiny models speak of eight topics or more, and differ in every answer", () => {
  const all = tinyModels.flatMap(({ topics, otherwise }) => [...topics.map(({ answer }) => answer), otherwise]);
  expect(new Set(all).size).toBe(all.length);
  for (const { topics } of tinyModels) expect(topics.length).toBeGreaterThanOrEqual(8);
  expect(new Set([...built.values()].map(sha256)).size).toBe(tinyModels.length);
});

describe("a text that cannot become a model is refused", () => {
  const textWith = (answers: readonly string[]): TinyModelText => ({
    name: modelName("x"),
    topics: answers.map((answer, i) => ({ words: [`w${String.fromCharCode(97 + i)}`], answer })),
    otherwise: "Something else entirely.",
    ignoredWords: [],
  });

  test("because two answers are the same", () => {
    expect(() => buildVocabulary(textWith(["Same.", "Same."]))).toThrow(/another one/);
  });

  test("because it has more answers than fit", () => {
    const answers = Array.from({ length: 16 }, (_, i) => `Answer number ${i} of sixteen, ending with ${i}.`);
    expect(() => buildTinyModel(textWith(answers))).toThrow(RangeError);
  });
});
