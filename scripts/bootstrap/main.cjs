"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { acquire } = require("./lock.cjs");
const { askedToStop, endLike, runAttached, watchSignals } = require("./children.cjs");
const { BootstrapError } = require("./say.cjs");
const { compile, compiledReady } = require("./compile.cjs");
const { installPackages, node24, packagesReady } = require("./packages.cjs");

/** What each command runs, and what must be there first. `program` is relative to the root. */
const commands = {
  start: { program: "dist/scripts/start.js", toolchain: true },
  test: { program: "dist/scripts/test.js", toolchain: true },
  "test-fast": { program: "node_modules/vitest/vitest.mjs", args: ["run", "--project", "fast"], compiled: false },
  "test-hosts": { program: "dist/scripts/test.js", args: ["hosts"], toolchain: true },
  "test-aws": { program: "dist/scripts/test.js", args: ["aws"], toolchain: true },
  bench: { program: "dist/test/bench/main.js", toolchain: true },
  soak: { program: "dist/scripts/soak.js", toolchain: true },
  devnet: { program: "dist/devnet/main.js", toolchain: true },
  fleet: { program: "dist/scripts/fleet.js", toolchain: true },
  // Whoever has lost a machine needs no tools, and has no time to build them.
  recover: { program: "dist/scripts/fleet.js", args: ["recover"] },
  bundle: { program: "dist/scripts/bundle.js", toolchain: true },
  "state-fixture": { program: "dist/test/fixtures/make-state.js", toolchain: true },
};

/** Prepares the checkout, then becomes the command. Arguments after the command are its own; `--verbose` before it is ours. */
async function main(argv, root = path.join(__dirname, "..", "..")) {
  const verbose = argv.includes("--verbose");
  const [name, ...args] = argv.filter((argument) => argument !== "--verbose");
  try {
    const command = Object.hasOwn(commands, name ?? "") ? commands[name] : undefined;
    if (!command)
      throw new BootstrapError(
        "LF1004",
        `there is no command ${name ?? ""}.`,
        `npm start, or one of: ${Object.keys(commands).join(", ")}.`,
      );
    watchSignals((signal) => endLike({ code: null, signal }));
    await prepare(root, command, name, verbose);
    if (askedToStop()) await endLike({ code: null, signal: askedToStop() });
    await run(root, command, verbose ? [...args, "--verbose"] : args);
  } catch (error) {
    if (askedToStop()) await endLike({ code: null, signal: askedToStop() });
    process.stderr.write(`${describe(error)}\n`);
    process.exit(1);
  }
}

/** A coded error as its one line, a file that may not be written as one too; anything else is a bug and keeps its stack. */
function describe(error) {
  if (error instanceof BootstrapError) return error.message;
  const isFileTrouble = error.path !== undefined && ["EACCES", "EPERM", "EROFS", "ENOSPC"].includes(error.code);
  if (!isFileTrouble) return error.stack;
  return new BootstrapError(
    "LF1010",
    `${error.path} cannot be written (${error.code}).`,
    "make this folder yours, or free some space, and run the same command again.",
  ).message;
}

async function prepare(root, command, name, verbose) {
  const ready = () => packagesReady(root) && (command.compiled === false || compiledReady(root));
  if (!ready()) {
    const onWait = (pid) =>
      process.stderr.write(`◐ another setup is at work in this checkout (process ${pid}); waiting for it …\n`);
    const lock = await acquire(path.join(root, ".fleet", "bootstrap.lock"), { onWait });
    try {
      if (!packagesReady(root)) await installPackages(root, { verbose });
      if (command.compiled !== false && !compiledReady(root)) await compile(root, node24(root), { verbose });
    } finally {
      lock.release();
    }
  }
  if (!command.toolchain) return;
  const result = await runAttached(node24(root), [path.join(root, "dist/scripts/toolchain/main.js"), name], {
    cwd: root,
    env: environment(root),
  });
  if (result.code !== 0) await endLike(result);
}

/** LF1004: there is no such command, or a part of this checkout is missing. */
async function run(root, command, args) {
  const program = path.join(root, command.program);
  if (!fs.existsSync(program))
    throw new BootstrapError(
      "LF1004",
      `${command.program} is not part of this version.`,
      "git status, then git checkout what is missing.",
    );
  await endLike(
    await runAttached(node24(root), [program, ...(command.args ?? []), ...args], { cwd: root, env: environment(root) }),
  );
}

/** Everything a command starts finds the project's own programs, Node 24 above all, first. */
function environment(root) {
  return {
    ...process.env,
    PATH: [path.join(root, "node_modules", ".bin"), process.env.PATH].filter(Boolean).join(path.delimiter),
  };
}

module.exports = { main, commands };
