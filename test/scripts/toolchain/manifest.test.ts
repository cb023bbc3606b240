import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { moduleFolder, whyNot } from "../../../scripts/toolchain/build.js";
import { checksumOf } from "../../../scripts/toolchain/download.js";
import { readVersion } from "../../../scripts/toolchain/found.js";
import { inRange, ollamaMinimumVariable, rangeFor, tools, type ToolName } from "../../../scripts/toolchain/manifest.js";
import { onPath, platformOf, type Platform } from "../../../scripts/toolchain/platform.js";
import { packageRoot } from "../../../system/package-root.js";

const platforms: Platform[] = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

describe("where the official download is", () => {
  test.each<[ToolName, Platform, archive: string, program: string]>([
    ["pulumi", "linux-x64", "pulumi/releases/download/v3.255.0/pulumi-v3.255.0-linux-x64.tar.gz", "pulumi/pulumi"],
    [
      "pulumi",
      "darwin-arm64",
      "pulumi/releases/download/v3.255.0/pulumi-v3.255.0-darwin-arm64.tar.gz",
      "pulumi/pulumi",
    ],
    ["ollama", "linux-x64", "ollama/releases/download/v0.11.4/ollama-linux-amd64.tgz", "bin/ollama"],
    ["ollama", "linux-arm64", "ollama/releases/download/v0.11.4/ollama-linux-arm64.tgz", "bin/ollama"],
    ["ollama", "darwin-x64", "ollama/releases/download/v0.11.4/ollama-darwin.tgz", "ollama"],
  ])("%s for %s", (name, platform, archive, program) => {
    const release = tools[name].release!;
    expect(release.archive(platform)).toContain(archive);
    expect(release.program(platform)).toBe(program);
  });

  test("archive and checksums come from the same release over HTTPS", () => {
    for (const { release } of Object.values(tools)) {
      for (const platform of platforms) {
        if (!release) continue;
        const folder = (url: string): string => url.slice(0, url.lastIndexOf("/"));
        expect(new URL(release.archive(platform)).protocol).toBe("https:");
        expect(folder(release.archive(platform))).toBe(folder(release.checksums));
      }
    }
  });
});

test.each(Object.values(tools))("the Go module of $name names the pinned version and its package", (tool) => {
  const module = readFileSync(join(moduleFolder(tool.source), "go.mod"), "utf8");
  expect(module).toContain(`tool ${tool.source.package}`);
  const owner =
    tool.name === "pulumi"
      ? "github.com/pulumi/pulumi/pkg/v3"
      : tool.name === "geth"
        ? "github.com/ethereum/go-ethereum"
        : tool.source.package;
  expect(module).toContain(`${owner} v${tool.version}`);
  expect(readFileSync(join(moduleFolder(tool.source), "go.sum"), "utf8")).toContain(`${owner} v${tool.version} h1:`);
});

test("engine, wrapper and SDK have one version", () => {
  const { dependencies } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  expect(dependencies["@pulumi/pulumi"]).toBe(tools.pulumi.version);
  expect(dependencies["pulumi"]).toBe(tools.pulumi.version);
});

describe("which found version will do", () => {
  test.each<[ToolName, version: string, fits: boolean]>([
    ["pulumi", "3.255.0", true],
    ["pulumi", "3.254.0", false],
    ["pulumi", "3.255.1", false],
    ["geth", "1.17.0", true],
    ["geth", "1.17.10", false],
    ["ollama", "0.11.0", true],
    ["ollama", "0.29.9", true],
    ["ollama", "0.30.0", false],
    ["ollama", "0.9.6", false],
  ])("%s %s: %s", (name, version, fits) => expect(inRange(version, rangeFor(tools[name], {}))).toBe(fits));

  test("a person's own minimum for Ollama counts, and for nothing else", () => {
    const env = { [ollamaMinimumVariable]: "0.9.0" };
    expect(inRange("0.9.6", rangeFor(tools.ollama, env))).toBe(true);
    expect(inRange("0.9.6", rangeFor(tools.geth, env))).toBe(false);
  });

  test("versions compare as numbers", () =>
    fc.assert(
      fc.property(
        fc.tuple(fc.nat(50), fc.nat(50), fc.nat(50)),
        fc.tuple(fc.nat(50), fc.nat(50), fc.nat(50)),
        (a, b) => {
          const order = a.map((part, index) => part - b[index]!).find((difference) => difference !== 0) ?? 0;
          expect(inRange(a.join("."), { atLeast: b.join(".") })).toBe(order >= 0);
          expect(inRange(a.join("."), { atLeast: "0.0.0", below: b.join(".") })).toBe(order < 0);
        },
      ),
    ));
});

test.each<[ToolName, answer: string, version: string | undefined]>([
  ["geth", "Geth\nVersion: 1.17.0-stable\nArchitecture: amd64\nGo Version: go1.26.8", "1.17.0"],
  ["ollama", "Warning: could not connect to a running Ollama instance\nWarning: client version is 0.11.4", "0.11.4"],
  ["ollama", "ollama version is 0.12.0", "0.12.0"],
  ["pulumi", "v3.255.0\n", "3.255.0"],
  ["pulumi", "v3.256.0-dev.0\n", undefined],
  ["geth", "command not found", undefined],
])("%s that answers %j is version %s", (name, answer, version) =>
  expect(readVersion(tools[name], answer)).toBe(version),
);

test("checksums are found by the archive's whole name", () => {
  const sum = "a".repeat(64);
  const list = `${"b".repeat(64)}  pulumi-v3.255.0-linux-x64.tar.gz.sig\n${sum}  pulumi-v3.255.0-linux-x64.tar.gz\n${"C".repeat(64)} *./ollama-darwin.tgz\n`;
  expect(checksumOf(list, "pulumi-v3.255.0-linux-x64.tar.gz")).toBe(sum);
  expect(checksumOf(list, "ollama-darwin.tgz")).toBe("c".repeat(64));
  expect(checksumOf(list, "linux-x64.tar.gz")).toBeUndefined();
  expect(checksumOf("<html>moved</html>", "ollama-darwin.tgz")).toBeUndefined();
});

test("kinds of machine are named as npm and the releases name them, and others are refused", () => {
  expect(platformOf("linux", "x64")).toBe("linux-x64");
  expect(platformOf("darwin", "arm64")).toBe("darwin-arm64");
  expect(() => platformOf("win32", "x64")).toThrow(/^LF1005: .* not on win32-x64\. Next: use a Linux machine/);
  expect(() => platformOf("linux", "riscv64")).toThrow("LF1005");
});

test("programs in node_modules are not tools of the machine", () => {
  const env = { PATH: join(packageRoot(), "node_modules", ".bin") };
  expect(onPath("pulumi", { platform: "linux-x64", env })).toEqual([]);
  expect(onPath("sh", { platform: "linux-x64", env: { PATH: "/nowhere:/bin" } })).toEqual(["/bin/sh"]);
});

test.each<[words: string, reason: RegExp | undefined]>([
  ["go: go.mod requires go >= 1.26.0 (running go 1.22.1; GOTOOLCHAIN=local)", /Go is too old/],
  ['Get "https://host/x.zip": dial tcp: lookup host: no such host', /proxy can't be reached/],
  ["write /tmp/x: no space left on device", /disk is full/],
  ["main.go:1:1: expected 'package'", undefined],
])("a build that says %j", (words, reason) => {
  if (reason) expect(whyNot(words)).toMatch(reason);
  else expect(whyNot(words)).toBeUndefined();
});
