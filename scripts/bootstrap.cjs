#!/usr/bin/env node
"use strict";
// The first thing that runs in a fresh clone, on whatever Node ≥ 18 a person has: no dependency, and until the version is checked no
// syntax that an older Node could not read.

// LF1000: the Node that started the command is too old, or this is Windows.
const major = Number(process.versions.node.split(".")[0]);
if (process.platform === "win32") {
  stop(
    "LF1000: lightchain-fleet does not run on Windows itself. Next: run the same command inside WSL 2 (Ubuntu or Debian).",
  );
}
if (major < 18) {
  stop(
    "LF1000: this is Node " +
      process.versions.node +
      ", and 18 is the oldest that can start the setup. Next: install Node 24 from https://nodejs.org.",
  );
}

function stop(message) {
  process.stderr.write(message + "\n");
  process.exit(1);
}

require("./bootstrap/main.cjs").main(process.argv.slice(2));
