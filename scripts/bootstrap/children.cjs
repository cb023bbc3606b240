"use strict";
const { spawn } = require("node:child_process");
const os = require("node:os");

/** The children that must have ended before this process does, and the signal that asked it to. */
const running = new Set();
let stopping;

/** From here on a signal stops the children first; `onStopped` runs when the last one is gone. */
function watchSignals(onStopped) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      stopping = stopping || signal;
      for (const child of running) {
        // On a terminal Ctrl-C reaches the whole group: a second one from here would tell the engine to abandon what it is doing.
        if (signal === "SIGINT" && process.stdin.isTTY) continue;
        child.kill(signal);
      }
      if (running.size === 0) onStopped(signal);
    });
  }
}

/** The signal this process was asked to stop with, if any. */
const askedToStop = () => stopping;

/** Runs a program to its end with its output kept. @returns {Promise<{code: number|null, signal: string|null, output: string}>} */
function runQuietly(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (text) => {
      output += text;
      if (options.verbose) process.stderr.write(text);
    };
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    follow(child, reject, (code, signal) => resolve({ code, signal, output }), "close");
  });
}

/** Runs a program that talks to the person itself. */
function runAttached(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    follow(
      spawn(file, args, { ...options, stdio: "inherit" }),
      reject,
      (code, signal) => resolve({ code, signal }),
      "exit",
    );
  });
}

function follow(child, reject, resolve, end) {
  running.add(child);
  const ended = () => running.delete(child);
  child.once("error", (error) => {
    ended();
    reject(error);
  });
  child.once(end, (code, signal) => {
    ended();
    resolve(code, signal);
  });
}

/** Ends this process the way its child ended, so that a shell or supervisor sees the same. Nothing after it runs. */
function endLike({ code, signal }) {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + os.constants.signals[signal]), 100); // a signal that does not end a process, e.g. SIGCHLD
  return new Promise(() => undefined);
}

module.exports = { watchSignals, askedToStop, runQuietly, runAttached, endLike };
