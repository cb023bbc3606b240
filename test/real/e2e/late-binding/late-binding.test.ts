import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newRecoveryKey, recoveryKeyText } from "../../../../keystore/recovery-key.js";
import { stateOf } from "../../../../scripts/ops/pending.js";
import { prepareStage, type Stage } from "../../../../scripts/rehearsal/stage.js";
import { freePort } from "../../../../system/net.js";
import { packageRoot } from "../../../../system/package-root.js";
import { runProcess } from "../../../../system/process.js";
import { isRegistered } from "../registered.js";
import { openRehearsal, processesIn, type Rehearsal } from "../rehearsal.js";
import { checkOut, copy, install, markBuild, marksIn, packed } from "./builds.js";

let rehearsal: Rehearsal;
let stage: Stage;
/** Packed and unpacked, in its two builds. */
let builds: { older: string; today: string; paths: readonly string[] };
let marks: () => Promise<string[]>;
const at = (...names: string[]): string => join(rehearsal.folders.root, ...names);
beforeAll(async () => {
  rehearsal = await openRehearsal();
  const preparing = prepareStage(rehearsal.folders, rehearsal.tools, rehearsal.network, () => undefined);
  const [{ package: today, paths }] = await Promise.all([
    packed(at("packed")),
    preparing.then((ready) => (stage = ready)),
  ]);
  const older = at("packed", "older");
  await copy(today, older);
  await markBuild(older, "older", at("marks"));
  await markBuild(today, "today", at("marks"));
  builds = { older, today, paths };
  marks = marksIn(at("marks"));
}, 600_000);
afterAll(() => rehearsal.end());

/** Runs a program in a folder, which must succeed. */
async function run(cwd: string, file: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess(file, args, { cwd, env: stage.environment });
  if (code !== 0) throw new Error(`${file} ${args.join(" ")} in ${cwd} ended with ${code}:\n${stdout}\n${stderr}`);
  return stdout;
}
const pulumi = (cwd: string, ...args: readonly string[]): Promise<string> =>
  run(cwd, "pulumi", ...args, "--stack", "devnet", "--non-interactive");
const now = ["--yes", "--skip-preview"];
const resourcesOf = async (folder: string): Promise<string[]> =>
  stateOf(await pulumi(folder, "stack", "export"))
    .resources.map(({ type }) => type)
    .filter((type) => type !== "Stack");
const kinds = ["funding", "host", "keys", "model", "registration", "service"];
const deletes = (lines: readonly string[]): string[] => lines.filter((line) => line.endsWith(" delete")).sort();

test("a package holds what is needed to use it, and nothing of how it is made", () => {
  expect(builds.paths).toEqual(
    expect.arrayContaining([
      "README.md",
      "LICENSE",
      "dist/index.js",
      "dist/components/providers.js",
      "dist/scripts/fleet.js",
      "dist/bundle/manifest.json",
      "dist/bundle/node",
    ]),
  );
  const ours = builds.paths.filter((path) => !/^dist\/(types|bundle)\//.test(path));
  expect(
    ours.filter((path) => /test|rehearsal|toolchain|\.(ts|map|stamp|lock)$|^dist\/(devnet|host|sidecar)\//.test(path)),
  ).toEqual([]);
});

test("a package holds everything that its files load from one another", async () => {
  const missing: string[] = [];
  for (const path of builds.paths.filter((one) => /^dist\/(?!bundle\/).*\.js$/.test(one))) {
    const text = await readFile(at("packed", "staged", path), "utf8");
    for (const [, name = ""] of text.matchAll(/(?:require|import)\("(\.[^"]+)"\)/g))
      if (!builds.paths.includes(join(dirname(path), name))) missing.push(`${path} loads ${name}`);
  }
  expect(missing).toEqual([]);
});

describe("a program of one's own that installed the package", () => {
  const before = (): string => at("own");
  const after = (): string => at("elsewhere", "own");

  test("is the README's, and brings a worker up with an older version", async () => {
    await mkdir(before(), { recursive: true });
    await writeFile(join(before(), "Pulumi.yaml"), "name: own-program\nruntime: nodejs\n");
    await writeFile(join(before(), "package.json"), `{ "private": true, "main": "index.ts" }\n`);
    await writeFile(
      join(before(), "tsconfig.json"),
      `{ "compilerOptions": { "strict": true, "module": "nodenext" } }\n`,
    );
    await writeFile(join(before(), "index.ts"), await ownProgram());
    await install(builds.older, before());
    await pulumi(before(), "stack", "init", "--no-select");
    await pulumi(before(), "up", ...now);
    const lines = await marks();
    expect(new Set(lines.map((line) => line.split(" ")[0]))).toEqual(new Set(["older"]));
    expect(
      lines
        .filter((line) => line.endsWith(" create"))
        .map((line) => line.split(" ")[1])
        .sort(),
    ).toEqual(kinds);
    expect(await isWorkerOf("own")).toBe(true);
  });

  test("destroys it with the next version and without an up, moved to another place, from a folder within", async () => {
    await mkdir(at("elsewhere"));
    await rename(before(), after());
    await install(builds.today, after());
    await mkdir(join(after(), "notes"));
    const told = await run(
      join(after(), "notes"),
      "../node_modules/.bin/fleet",
      "destroy",
      "--yes",
      "--stack",
      "devnet",
    );
    expect(told).toContain("8 deleted");
    expect(deletes(await marks())).toEqual(kinds.map((kind) => `today ${kind} delete`));
    expect(await resourcesOf(after())).toEqual([]);
    expect(await isWorkerOf("own")).toBe(false);
    expect(existsSync(at("own-host"))).toBe(false);
    expect(await processesIn(at("own-host"))).toEqual([]);
  });
});

describe("a checkout", () => {
  const before = (): string => at("checkout");
  const after = (): string => at("elsewhere", "checkout");
  const worker = "urn:pulumi:devnet::lightchain-fleet::lightchain:fleet:Worker";
  /** The first two of its resources are enough here. */
  const targets = [
    `${worker}::home`,
    `${worker}$pulumi-nodejs:dynamic/lightchain:Keys::home-keys`,
    `${worker}$pulumi-nodejs:dynamic/lightchain:Host::home-host`,
  ];

  test("that was moved and brought to the next version refreshes and destroys what it made, from a folder within", async () => {
    await checkOut(before());
    await markBuild(before(), "older", at("marks"));
    await writeFile(join(before(), "Pulumi.devnet.yaml"), await readFile(rehearsal.folders.stackConfig));
    await pulumi(before(), "up", ...now, ...targets.flatMap((urn) => ["--target", urn]));
    expect((await marks()).filter((line) => line.endsWith(" create")).sort()).toEqual([
      "older host create",
      "older keys create",
    ]);

    await rename(before(), after());
    await rm(join(after(), "dist"), { recursive: true });
    await copy(join(packageRoot(), "dist"), join(after(), "dist"));
    await markBuild(after(), "today", at("marks"));
    await pulumi(join(after(), "docs"), "refresh", ...now);
    await pulumi(join(after(), "docs"), "destroy", ...now);
    const lines = await marks();
    expect(lines.filter((line) => line.startsWith("older"))).toEqual([]);
    expect(deletes(lines)).toEqual(["today host delete", "today keys delete"]);
    expect(await resourcesOf(after())).toEqual([]);
    expect(existsSync(rehearsal.folders.host)).toBe(false);
  });
});

/** The README's program, with the values of this rehearsal. */
async function ownProgram(): Promise<string> {
  const [, text = ""] =
    /## Your own program\n\n```ts\n([\s\S]*?)```/.exec(await readFile(join(packageRoot(), "README.md"), "utf8")) ?? [];
  const { operator, network } = stage;
  const [model] = rehearsal.network.models;
  const values: readonly (readonly [string | RegExp, string])[] = [
    [`"home", {`, `"own", {`],
    [`readNetwork("testnet")`, `readNetwork(${JSON.stringify(rehearsal.network.networkFile)})`],
    [
      /host: \{.*\}/,
      `host: ${JSON.stringify({ root: at("own-host"), ollama: rehearsal.tools.ollama, ollamaPort: await freePort(), gpu: "none" })}`,
    ],
    [/models: \[.*\]/, `models: [${JSON.stringify(model)}]`],
    [/store: "file:[^"]*",\n/, `store: ${JSON.stringify(operator.store.url)},\n`],
    [
      /treasury: \{.*\}/,
      `treasury: ${JSON.stringify({ store: operator.store.url, ref: `treasury/${network.chainId}/main` })}`,
    ],
    [`"0x…"`, `"${operator.refundTo}"`],
    [`"…"`, `"${recoveryKeyText(newRecoveryKey().publicKey)}"`],
  ];
  return values.reduce((program, [from, to]) => {
    const next = program.replace(from, to);
    expect(next, `the README's program has no ${String(from)}`).not.toBe(program);
    return next;
  }, text);
}

async function isWorkerOf(name: string): Promise<boolean> {
  const { record } = await stage.operator.store.read(`worker/${stage.network.chainId}/${name}`, "worker");
  return isRegistered(stage, record.address);
}
