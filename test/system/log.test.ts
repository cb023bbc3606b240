import { expect, test } from "vitest";
import { createLogger } from "../../system/log.js";

test("of an error its kind, words, cause, code and stack are logged, and nothing that hangs on it", () => {
  const lines: string[] = [];
  const log = createLogger("test", { destination: { write: (line) => void lines.push(line) } });
  const error = Object.assign(new TypeError("it failed", { cause: new Error("underneath") }), {
    code: "LF1000",
    args: ["what it was called with"],
  });
  log.error({ err: error }, "a step failed");
  const [line = ""] = lines;
  const { err } = JSON.parse(line) as { err: Record<string, string> };
  expect(err).toMatchObject({ type: "TypeError", message: "it failed: underneath", code: "LF1000" });
  expect(err["stack"]).toContain("log.test.ts");
  expect(line).not.toContain("what it was called with");
});

test("fields that are named like secrets are censored", () => {
  const lines: string[] = [];
  const log = createLogger("test", { destination: { write: (line) => void lines.push(line) } });
  log.info({ passphrase: "open sesame", login: { token: "abc123" } }, "told");
  expect(lines[0]).not.toMatch(/open sesame|abc123/);
});
