import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  BuildFailed,
  CacheUnwritable,
  DownloadMismatch,
  ToolMissing,
  ToolUnavailable,
} from "../../../scripts/toolchain/errors.js";
import { duration, renderLine, showProgress } from "../../../scripts/toolchain/progress.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const doing = { what: "geth 1.17.0", why: "the rehearsal network's chain", how: "building from source, about 2 min" };

test.each<[ms: number, text: string]>([
  [0, "0s"],
  [59_400, "59s"],
  [59_600, "1m00s"],
  [112_000, "1m52s"],
  [3_780_000, "1h03m"],
])("%d ms reads %s", (ms, text) => expect(duration(ms)).toBe(text));

test("a running step says what, why, how and since when", () => {
  expect(renderLine("◐", doing, 112_000)).toBe(
    "◐ geth 1.17.0  the rehearsal network's chain  building from source, about 2 min … 1m52s",
  );
});

test("in a log each piece of news is a line, and silence is broken twice a minute", () => {
  const lines: string[] = [];
  const step = showProgress({ write: (text) => lines.push(text) }).start(doing);
  step.now("downloading, 1 %");
  step.now("downloading, 2 %");
  vi.advanceTimersByTime(60_000);
  step.done("installed in");
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([
    "◐ geth 1.17.0  the rehearsal network's chain  building from source, about 2 min … 0s\n",
    "◐ geth 1.17.0  the rehearsal network's chain  downloading, 1 % … 0s\n",
    "◐ geth 1.17.0  the rehearsal network's chain  downloading, 2 % … 30s\n",
    "◐ geth 1.17.0  the rehearsal network's chain  downloading, 2 % … 1m00s\n",
    "✓ geth 1.17.0  installed in 1m00s\n",
  ]);
});

test("on a terminal one line is rewritten and never wraps", () => {
  const written: string[] = [];
  const step = showProgress({ isTTY: true, columns: 40, write: (text) => written.push(text) }).start(doing);
  vi.advanceTimersByTime(1_000);
  step.failed();
  expect(written).toHaveLength(6);
  for (const text of written) expect(text.startsWith("\r\u001b[K")).toBe(true);
  for (const text of written.slice(0, -1)) expect(text.replace("\r\u001b[K", "").length).toBeLessThan(40);
  expect(written.at(-1)).toBe("\r\u001b[K✗ geth 1.17.0  after 1s\n");
});

test.each<[error: Error, text: string]>([
  [
    new ToolUnavailable(
      { name: "geth", version: "1.17.0", purpose: "the rehearsal network's chain" },
      ["no network", "no Go"],
      "install Go.",
    ),
    "LF1006: geth 1.17.0 (the rehearsal network's chain) can't be had: no network; no Go. Next: install Go.",
  ],
  [
    new ToolMissing("pulumi 3.255.0"),
    "LF1008: pulumi 3.255.0 is not installed. Next: npm start (it installs what is missing).",
  ],
  [
    new CacheUnwritable("/c", "EROFS", undefined),
    "LF1010: /c cannot be written (EROFS). Next: make it yours, free some space, or set LIGHTCHAIN_FLEET_CACHE to another folder; then run the same command again.",
  ],
  [
    new BuildFailed("geth 1.17.0", "/c/logs/geth.log", "undefined: x"),
    "LF1009: Building geth 1.17.0 failed: undefined: x Next: read /c/logs/geth.log, correct the cause and run the same command again.",
  ],
  [
    new DownloadMismatch("https://h/a.tgz", "aa", "bb"),
    "LF1007: https://h/a.tgz has SHA-256 bb, but its release says aa. Next: npm start again; if it stays so, do not use this network for downloads (a proxy may be changing them).",
  ],
])("%s", (error, text) => expect(error.message).toBe(text));
