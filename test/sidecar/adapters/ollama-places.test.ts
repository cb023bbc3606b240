import { expect, test, vi } from "vitest";
import { modelName } from "../../../schema/units.js";
import { createPlaces } from "../../../sidecar/adapters/ollama-places.js";
import { createLogger } from "../../../system/log.js";

const model = modelName("llama3-8b");
/** An Ollama that answers, or not, until the model is unloaded. */
function ollama({ isLoaded = true, answers = true } = {}) {
  const does: string[] = [];
  const places = createPlaces({
    isLoaded: () => Promise.resolve(isLoaded),
    answers: () => (does.push("a word"), Promise.resolve(answers)),
    unload: () => (does.push("unload"), Promise.resolve()),
    log: createLogger("test", { level: "silent" }),
  });
  return { places, does };
}

test("a model that a former process used is asked for a word, and is not asked again as long as every answer is read to its end", async () => {
  const { places, does } = ollama();
  await places.free(model);
  places.occupy(model)(true);
  await places.free(model);
  expect(does).toEqual(["a word"]);
});

test("one that does not say it is unloaded, once", async () => {
  const { places, does } = ollama({ answers: false });
  await places.free(model);
  await places.free(model);
  expect(does).toEqual(["a word", "unload"]);
});

test("one that is not loaded has every place free", async () => {
  const { places, does } = ollama({ isLoaded: false, answers: false });
  await places.free(model);
  expect(does).toEqual([]);
});

test("after an answer that was broken off it is asked again, and no other model", async () => {
  const { places, does } = ollama();
  const other = modelName("gpt-oss:20b");
  for (const one of [model, other]) await places.free(one);
  places.occupy(model)(false);
  for (const one of [model, other]) await places.free(one);
  expect(does).toEqual(["a word", "a word", "a word"]);
});

test("while it answers somebody of ours nothing is asked: the word would wait behind that", async () => {
  const { places, does } = ollama();
  const leave = places.occupy(model);
  await places.free(model);
  expect(does).toEqual([]);
  leave(true);
  await places.free(model);
  expect(does).toEqual(["a word"]);
});

test("several who want it at once wait for one look, and after one that failed there is another", async () => {
  let looks = 0;
  const isLoaded = vi.fn(() => (++looks === 1 ? Promise.reject(new Error("away")) : Promise.resolve(true)));
  const answers = vi.fn(() => Promise.resolve(true));
  const log = createLogger("test", { level: "silent" });
  const places = createPlaces({ isLoaded, answers, unload: () => Promise.resolve(), log });
  const first = await Promise.allSettled([places.free(model), places.free(model)]);
  expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await Promise.all([places.free(model), places.free(model)]);
  expect([isLoaded.mock.calls.length, answers.mock.calls.length]).toEqual([2, 1]);
});
