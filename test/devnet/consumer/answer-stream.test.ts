import { describe, expect, test } from "vitest";
import { createAnswerStream } from "../../../devnet/consumer/answer-stream.js";
import { seal } from "../../../protocol/envelope.js";
import { parseRelayFrame } from "../../../protocol/frames.js";
import { utf8 } from "../../../protocol/go-text.js";
import { jobId } from "../../../schema/units.js";
import { chunk, complete, job7, key } from "./parts.js";

const read = (texts: readonly string[]) => {
  const stream = createAnswerStream(job7, key);
  const steps = texts.map((text) => stream.take(parseRelayFrame(text)));
  return { stream, steps: steps.filter((step) => step !== undefined) };
};

describe("a job's stream", () => {
  test("is the text of its chunks in the order they come", () => {
    const { stream, steps } = read([chunk(1, "Rivers "), chunk(2, "remember"), chunk(3, ".")]);
    expect(stream.text()).toBe("Rivers remember.");
    expect(steps.map(({ text }) => text)).toEqual(["Rivers ", "remember", "."]);
  });

  test("passes over frames of other jobs, other kinds, other keys and what nobody knows", () => {
    const { stream } = read([
      chunk(1, "a"),
      chunk(2, "thinking", { kind: "reasoning" }),
      chunk(2, "{}", { kind: "stats" }),
      chunk(1, "x", { job: jobId(6n) }),
      chunk(3, "", { payload: seal(new Uint8Array(32).fill(1), utf8("foreign")) }),
      '{"type":"chunk","kind":"smell","jobId":7,"sessionId":3}',
      '{"type":"closed","sessionId":3}',
      chunk(4, "b"),
    ]);
    expect(stream.text()).toBe("ab");
  });

  test("takes a frame that the relay repeats once", () => {
    const [one, two] = [chunk(1, "a"), chunk(2, "b")];
    const { stream, steps } = read([one, two, one, two, chunk(3, "c")]);
    expect(stream.text()).toBe("abc");
    expect(steps).toHaveLength(3);
  });

  test("keeps the first of two frames that claim one place", () => {
    expect(read([chunk(1, "a"), chunk(2, "b"), chunk(2, "B")]).stream.text()).toBe("ab");
  });

  test("begins again when the worker does", () => {
    const { stream, steps } = read([chunk(1, "half an"), chunk(2, " ans"), chunk(1, "the whole"), chunk(2, " answer")]);
    expect(stream.text()).toBe("the whole answer");
    expect(steps.map(({ restarted }) => restarted)).toEqual([false, false, true, false]);
  });

  test("ends with the first complete frame, and hears nothing after it", async () => {
    const ciphertext = seal(key, utf8("ab"));
    const { stream } = read([
      chunk(1, "a"),
      await complete(ciphertext),
      await complete(seal(key, utf8("no"))),
      chunk(2, "b"),
    ]);
    expect(stream.text()).toBe("a");
    expect(stream.end()?.payload).toEqual(ciphertext);
  });
});
