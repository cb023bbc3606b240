import { expect, test, vi } from "vitest";
import { modelName } from "../../../schema/units.js";
import { createPlaces, type Place, type PlacesPorts } from "../../../sidecar/adapters/ollama-places.js";
import { createLogger } from "../../../system/log.js";

const model = modelName("llama3-8b");
const other = modelName("gpt-oss:20b");
const never = new AbortController().signal;
/** An Ollama that says its word, or not. */
function ollama(different: Partial<PlacesPorts> = {}, says = true) {
  const does: string[] = [];
  const places = createPlaces({
    isLoaded: () => Promise.resolve(true),
    answers: () => (does.push("a word"), Promise.resolve(says)),
    unload: () => (does.push("unload"), Promise.resolve()),
    log: createLogger("test", { level: "silent" }),
    ...different,
  });
  return { places, does, free: (of = model, signal = never) => places.free(of, signal) };
}
const streaming = (place: Place): Place => (place.began(), place);
/** Whether it is still waited for, once everything that could happen has. */
async function isPending(work: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  void work.finally(() => (isOver = true));
  await new Promise((resolve) => setImmediate(resolve));
  return !isOver;
}

test("a model that a former process used is asked for a word, and is not asked again as long as every answer is read to its end", async () => {
  const { places, does, free } = ollama();
  await free();
  places.take(model).leave(true);
  await free();
  expect(does).toEqual(["a word"]);
});

test("one that does not say it is unloaded, once", async () => {
  const { does, free } = ollama({}, false);
  await free();
  await free();
  expect(does).toEqual(["a word", "unload"]);
});

test("one that could not be unloaded is looked at again by whoever asks next", async () => {
  const unload = vi.fn(() => (unload.mock.calls.length > 1 ? Promise.resolve() : Promise.reject(new Error("in use"))));
  const { does, free } = ollama({ unload }, false);
  await expect(free()).rejects.toThrow("in use");
  await free();
  await free();
  expect([does, unload.mock.calls.length]).toEqual([["a word", "a word"], 2]);
});

test("one that is not loaded has every place free", async () => {
  const { does, free } = ollama({ isLoaded: () => Promise.resolve(false) }, false);
  await free();
  expect(does).toEqual([]);
});

test("where Ollama does not say what is loaded nobody is kept waiting, and it is asked again", async () => {
  const isLoaded = vi.fn(() => Promise.resolve(undefined));
  const { does, free } = ollama({ isLoaded }, false);
  await free();
  await free();
  expect([does, isLoaded.mock.calls.length]).toEqual([[], 2]);
});

test("after an answer that was broken off it is asked again, and no other model", async () => {
  const { places, does, free } = ollama();
  for (const one of [model, other]) await free(one);
  streaming(places.take(model)).leave(false);
  for (const one of [model, other]) await free(one);
  expect(does).toEqual(["a word", "a word", "a word"]);
});

test("what waits behind an answer that was broken off is asked for once more, and what streams already is not", async () => {
  const { places, free } = ollama();
  await free();
  const broken = streaming(places.take(model));
  const [streams, waits, elsewhere] = [streaming(places.take(model)), places.take(model), places.take(other)];
  broken.leave(false);
  expect([streams, waits, elsewhere].map(({ again }) => again.aborted)).toEqual([false, true, false]);
});

test("the word is asked for once nothing else of ours is: it would wait behind that", async () => {
  const { places, does, free } = ollama();
  await free();
  const [broken, streams] = [streaming(places.take(model)), streaming(places.take(model))];
  broken.leave(false);
  const next = free();
  expect(await isPending(next)).toBe(true);
  expect(does).toEqual(["a word"]);
  streams.leave(true);
  await next;
  expect(does).toEqual(["a word", "a word"]);
});

test("who waits for that goes away when he is told to", async () => {
  const { places, free } = ollama();
  await free();
  const [broken] = [streaming(places.take(model)), streaming(places.take(model))];
  broken.leave(false);
  const over = new AbortController();
  const next = free(model, over.signal);
  over.abort(new Error("too late"));
  await expect(next).rejects.toThrow("too late");
});

test("several who want it at once wait for one look, and after one that failed there is another", async () => {
  const isLoaded = vi.fn(() =>
    isLoaded.mock.calls.length > 1 ? Promise.resolve(true) : Promise.reject(new Error("away")),
  );
  const { does, free } = ollama({ isLoaded });
  const first = await Promise.allSettled([free(), free()]);
  expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await Promise.all([free(), free()]);
  expect([isLoaded.mock.calls.length, does]).toEqual([2, ["a word"]]);
});
