"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { BootstrapError, step } = require("./say.cjs");
const { runQuietly } = require("./children.cjs");

const notSources = new Set(["node_modules", "dist", ".fleet", ".git", "coverage"]);
const stampFile = (root) => path.join(root, "dist", ".build.json");
const buildInfo = (root) => path.join(root, "node_modules", ".cache", "tsc", "build.tsbuildinfo");

/** All TypeScript sources and compiler settings, relative to the root, sorted, with what changes when one of them is edited. */
function listSources(root) {
  const found = [];
  const walk = (folder) => {
    for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!notSources.has(entry.name)) walk(name);
      } else if (entry.name.endsWith(".ts") || /^tsconfig.*\.json$/.test(name)) {
        const { size, mtimeMs } = fs.statSync(path.join(root, name));
        found.push({ name, size, mtimeMs });
      }
    }
  };
  walk("");
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One hash over the sources, and over the compiler that reads them. */
function sourceStamp(root, sources = listSources(root)) {
  const compiler = JSON.parse(
    fs.readFileSync(path.join(root, "node_modules", "typescript", "package.json"), "utf8"),
  ).version;
  return crypto
    .createHash("sha256")
    .update(JSON.stringify([compiler, sources]))
    .digest("hex");
}

/** Whether dist/ is what the sources compile to. */
function compiledReady(root) {
  return readStamp(root)?.stamp === sourceStamp(root);
}

/**
 * Compiles what changed into dist/. Outputs of sources that are gone are removed: by the list of what was compiled before, since dist/
 * also holds things that are not the compiler's. The stamp is written last.
 */
async function compile(root, node, { verbose }) {
  const sources = listSources(root);
  const stamp = sourceStamp(root, sources);
  const names = sources.map((source) => source.name).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
  const before = readStamp(root)?.names;
  if (before === undefined) startAfresh(root); // nobody knows what is in dist/, and a compiler that remembers would not write it again
  const all = [...new Set([...names, ...(before ?? [])])];
  writeStamp(root, { stamp: "compiling", names: all });

  const how = before === undefined ? "tsc, about 20 s" : "tsc, a few seconds";
  await step({ what: "dist/", why: "this project, compiled", how }, async () => {
    removeOutputs(
      root,
      all.filter((name) => !names.includes(name)),
    );
    await tsc(root, node, verbose);
    const lost = (before ?? []).some((name) => names.includes(name) && !fs.existsSync(outputOf(root, name)));
    if (lost) {
      startAfresh(root); // somebody took files out of dist/ that the compiler believes to be there
      await tsc(root, node, verbose);
    }
  });
  writeStamp(root, { stamp, names: names.filter((name) => fs.existsSync(outputOf(root, name))) });
}

/** LF1003: the sources do not compile. */
async function tsc(root, node, verbose) {
  const args = [path.join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.build.json"];
  const { code, output } = await runQuietly(node, args, { cwd: root, verbose });
  if (code === 0) return;
  if (!verbose) process.stderr.write(`\n${output}`);
  throw new BootstrapError(
    "LF1003",
    "the sources do not compile (the compiler's words are above).",
    "correct them and run the same command again.",
  );
}

const outputOf = (root, source) => path.join(root, "dist", source.replace(/\.ts$/, ".js"));

function removeOutputs(root, sources) {
  for (const source of sources) fs.rmSync(outputOf(root, source), { force: true });
}

function startAfresh(root) {
  fs.rmSync(path.join(root, "dist"), { recursive: true, force: true });
  fs.rmSync(buildInfo(root), { force: true });
}

function readStamp(root) {
  try {
    return JSON.parse(fs.readFileSync(stampFile(root), "utf8"));
  } catch {
    return undefined;
  }
}

function writeStamp(root, stamp) {
  fs.mkdirSync(path.join(root, "dist"), { recursive: true });
  const temporary = `${stampFile(root)}.${process.pid}`;
  fs.writeFileSync(temporary, JSON.stringify(stamp));
  fs.renameSync(temporary, stampFile(root));
}

module.exports = { compiledReady, compile, listSources, sourceStamp };
