"use strict";

/** An error that a person reads as one line: code, what failed and why, the next command. The shape of schema/errors.ts, without it. */
class BootstrapError extends Error {
  constructor(code, summary, fix) {
    super(`${code}: ${summary} Next: ${fix}`);
    this.code = code;
  }
}

/** Elapsed time for people: `8s`, `1m52s`. */
function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`;
}

/** How often a step that is still going says so where lines cannot be rewritten, ms. */
const heartbeatMs = 30_000;

/**
 * Shows one step while it runs: what, why and about how long. On a terminal one line that counts the seconds; elsewhere a line at the
 * start, one each 30 s and one at the end. Goes to stderr, so that a command's own output stays clean.
 */
async function step({ what, why, how }, work, out = process.stderr) {
  const started = Date.now();
  const elapsed = () => duration(Date.now() - started);
  const clear = out.isTTY ? "\r\x1b[K" : "";
  const frames = "◐◓◑◒";
  let tick = 0;
  const line = () => `${out.isTTY ? frames[tick++ % frames.length] : "◐"} ${what}  ${why}  ${how} …`;
  out.write(out.isTTY ? line() : `${line()}\n`);
  const timer = out.isTTY
    ? setInterval(
        () => out.write(`${clear}${line()} ${elapsed()}`.slice(0, (out.columns || 100) + clear.length - 1)),
        250,
      )
    : setInterval(() => out.write(`${line()} ${elapsed()}\n`), heartbeatMs);
  try {
    const result = await work();
    out.write(`${clear}✓ ${what}  ${elapsed()}\n`);
    return result;
  } catch (error) {
    out.write(`${clear}✗ ${what}  after ${elapsed()}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

module.exports = { BootstrapError, duration, step };
