import fc from "fast-check";
import { expect, test } from "vitest";
import { createLogLines, most } from "../../../sidecar/adapters/log-lines.js";

const bytesOf = (lines: readonly { message: string }[]): number =>
  lines.reduce((sum, { message }) => sum + Buffer.byteLength(message) + 26, 0);

test("lines go out in the order of their time, each once, without their line end", () => {
  const lines = createLogLines();
  lines.add("one\n", 1);
  lines.add("three\n", 3);
  lines.add("two\n", 2); // somebody has set the date
  expect(lines.take()).toEqual([
    { message: "one", timestamp: 1 },
    { message: "two", timestamp: 2 },
    { message: "three", timestamp: 3 },
  ]);
  expect(lines.take()).toEqual([]);
});

test("whatever is written, no call is more than CloudWatch takes, and nothing is lost or told twice", () => {
  const text = fc.oneof(fc.constant("x".repeat(60_000)), fc.string({ unit: "binary", minLength: 1 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.nat(3 * most.spanMs)), { maxLength: 60 }), (written) => {
      const lines = createLogLines();
      for (const [message, at] of written) lines.add(message, at);
      const taken = [];
      for (let batch = lines.take(); batch.length > 0; batch = lines.take()) {
        expect(bytesOf(batch)).toBeLessThanOrEqual(most.bytes);
        expect(batch.at(-1)!.timestamp - batch[0]!.timestamp).toBeLessThan(most.spanMs);
        expect(batch.map(({ timestamp }) => timestamp)).toEqual(
          batch.map(({ timestamp }) => timestamp).sort((one, other) => one - other),
        );
        taken.push(...batch.map(({ message }) => message));
      }
      const meant = written.map(([message]) => message.trimEnd()).filter((message) => message !== "");
      expect(taken.sort()).toEqual(meant.sort());
    }),
    { numRuns: 200 },
  );
});

test("a megabyte is one call, with what each line counts beside its text", () => {
  const lines = createLogLines();
  for (let at = 0; at < 40; at++) lines.add("x".repeat(60_000), 0);
  expect([lines.take(), lines.take(), lines.take()].map(({ length }) => length)).toEqual([17, 17, 6]);
});

test("ten thousand lines are one call, one more is another", () => {
  const lines = createLogLines(10 * most.bytes);
  for (let at = 0; at <= most.lines; at++) lines.add("a", at);
  expect([lines.take().length, lines.take().length]).toEqual([most.lines, 1]);
});

test("while nothing can be sent the oldest go first, and are counted", () => {
  const lines = createLogLines(100);
  for (const [at, text] of ["old", "newer", "newest"].entries()) lines.add(text.padEnd(10), at);
  for (const text of ["four", "five"]) lines.add(text, 5);
  const batch = lines.take();
  expect(batch.map(({ message }) => message)).toEqual(["newest", "four", "five"]);
  expect(lines.dropped()).toBe(2);
  lines.add("six", 6);
  lines.putBack(batch);
  expect(lines.dropped()).toBe(1);
  expect(lines.take().map(({ message }) => message)).toEqual(["four", "five", "six"]);
});

test("of a line that is too long the beginning is sent, up to the end of a character", () => {
  const lines = createLogLines();
  lines.add("ä".repeat(65_536), 0);
  const [line] = lines.take();
  expect(line!.message).toBe("ä".repeat(32_768));
  lines.add(`a${"ä".repeat(65_536)}`, 0);
  expect(lines.take()[0]!.message).toBe(`a${"ä".repeat(32_767)}`);
});
