import { describe, expect, test } from "vitest";
import { engineOf, inFlight, watchEngine } from "../../components/engine-watch.js";
import type { Clock } from "../../system/clock.js";

const clock: Clock = { now: () => 0, sleep: () => new Promise((resolve) => setImmediate(resolve)) };

describe("a provider whose engine is gone", () => {
  test("ends, and not for a single missed answer", async () => {
    const answers = [true, false, true, false, false];
    let asked = 0;
    let ended = 0;
    await watchEngine({
      engine: "e:1",
      clock,
      isThere: () => Promise.resolve(answers[asked++] ?? false),
      end: () => (ended += 1),
    });
    expect([asked, ended]).toEqual([5, 1]);
  });

  test("finishes first what it does, also when that fails", async () => {
    let finish = (): void => undefined;
    const work = inFlight(() => new Promise<void>((_, reject) => (finish = () => reject(new Error("refused")))));
    let asked = 0;
    let isOver = false;
    const watch = watchEngine({
      engine: "e:1",
      clock,
      isThere: () => Promise.resolve((asked++, false)),
      end: () => (isOver = true),
    });
    while (asked < 20) await clock.sleep(0);
    expect(isOver).toBe(false);
    finish();
    await expect(work).rejects.toThrow("refused");
    await watch;
    expect(isOver).toBe(true);
  });
});

test.each([
  ["a dynamic provider", ["node", "/a/dynamic-provider/index.js", "127.0.0.1:42015"], "127.0.0.1:42015"],
  ["the program", ["node", "/a/run/index.js", "--engine", "127.0.0.1:1"], undefined],
  ["a provider without an engine", ["node", "/a/dynamic-provider/index.js"], undefined],
  ["nothing at all", [], undefined],
])("the engine of %s is known by its arguments", (_, argv, engine) => expect(engineOf(argv)).toBe(engine));
