import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { preparePulumiHome, pulumiEnvironment, type PulumiHome } from "../../../scripts/toolchain/pulumi-home.js";
import { resolveEngine, type EngineTools } from "../../../scripts/toolchain/resolve.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess, type ProcessResult } from "../../../system/process.js";
import { until } from "./until.js";

/** A project of one dynamic resource, whose create, update and delete leave a line each in a file. */
const program = `
const fs = require("fs");
const pulumi = require("@pulumi/pulumi");
const log = process.env.RESOURCE_LOG;
const provider = {
  create: async (inputs) => { require("fs").appendFileSync(inputs.log, "create " + inputs.text + " on " + process.version + "\\n"); return { id: "one", outs: inputs }; },
  update: async (id, olds, news) => { require("fs").appendFileSync(news.log, "update " + news.text + "\\n"); return { outs: news }; },
  delete: async (id, outs) => { require("fs").appendFileSync(outs.log, "delete " + outs.text + "\\n"); },
};
class Line extends pulumi.dynamic.Resource {
  constructor(name, args) { super(provider, name, { ...args, log }, undefined); }
}
const config = new pulumi.Config();
if (fs.existsSync(process.env.RESOURCE_LOG + ".hang")) {
  fs.writeFileSync(process.env.RESOURCE_LOG + ".program", String(process.pid) + " " + String(process.ppid));
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}
const line = new Line("line", { text: config.require("text") });
exports.node = process.version;
exports.secret = config.requireSecret("word");
`;

let root = "";
let engine: EngineTools;
let home: PulumiHome;
let env: Record<string, string>;
const project = (): string => join(root, "project");
const log = (): string => join(root, "resource.log");
const lines = (): string[] => (existsSync(log()) ? readFileSync(log(), "utf8").trim().split("\n") : []);

beforeAll(async () => {
  engine = await resolveEngine();
  root = mkdtempSync(join(tmpdir(), "lf-engine-"));
  home = await preparePulumiHome(join(root, "home"), engine);
  mkdirSync(join(root, "state"));
  writeFileSync(join(root, "passphrase"), "a passphrase for nothing\n", { mode: 0o600 });
  env = pulumiEnvironment({
    home,
    node: engine.node,
    backendFolder: join(root, "state"),
    passphraseFile: join(root, "passphrase"),
    extra: { RESOURCE_LOG: log() },
  });
  mkdirSync(join(project(), "dist"), { recursive: true });
  writeFileSync(join(project(), "Pulumi.yaml"), "name: one-line\nruntime: nodejs\nmain: dist/index.js\n");
  writeFileSync(join(project(), "package.json"), `{"name":"one-line"}`);
  writeFileSync(join(project(), "dist/index.js"), program);
  symlinkSync(join(packageRoot(), "node_modules"), join(project(), "node_modules"));
  await succeeds("stack", "init", "test");
  await succeeds("config", "set", "text", "hello");
  await succeeds("config", "set", "--secret", "word", "open sesame");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function succeeds(...args: string[]): Promise<ProcessResult> {
  const result = await runProcess(home.pulumi, [...args, "--non-interactive"], { cwd: project(), env });
  if (result.code !== 0)
    throw new Error(`pulumi ${args.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`);
  return result;
}

test("npx pulumi is our engine, from PULUMI_HOME and without a download", async () => {
  const wrapper = join(packageRoot(), "node_modules/.bin/pulumi");
  const { stdout, stderr, code } = await runProcess(wrapper, ["version"], { env });
  expect({ stdout, stderr, code }).toEqual({ stdout: "v3.255.0\n", stderr: "", code: 0 });
});

test("preparing a home again changes nothing, and the engine is no link", async () => {
  const before = statSync(home.pulumi);
  expect(await preparePulumiHome(join(root, "home"), engine)).toEqual(home);
  expect(statSync(home.pulumi).ino).toBe(before.ino);
  expect(readdirSync(home.bin).sort()).toEqual(["pulumi", "pulumi-language-nodejs", "pulumi-resource-pulumi-nodejs"]);
});

test("the real engine creates, keeps, updates and deletes a dynamic resource on a file backend", async () => {
  const up = await succeeds("up", "--yes", "--skip-preview");
  expect(lines()).toEqual(["create hello on v24.21.0"]);
  expect(up.stdout).not.toMatch(/warning/i);

  expect((await succeeds("preview", "--diff")).stdout).toContain("2 unchanged");
  expect((await succeeds("up", "--yes", "--skip-preview")).stdout).toContain("2 unchanged");
  expect(lines()).toHaveLength(1);

  await succeeds("config", "set", "text", "hello again");
  await succeeds("up", "--yes", "--skip-preview");
  expect((await succeeds("stack", "output", "--json")).stdout).toContain(`"node": "v24.21.0"`);

  await succeeds("destroy", "--yes", "--skip-preview");
  expect(lines()).toEqual(["create hello on v24.21.0", "update hello again", "delete hello again"]);
});

test("a program that throws is one failed up with its own words", async () => {
  await succeeds("config", "rm", "text");
  await expect(succeeds("up", "--yes", "--skip-preview")).rejects.toThrow(
    /Missing required configuration variable 'one-line:text'/,
  );
  await succeeds("config", "set", "text", "hello");
});

test("killing the engine makes the language host and the program leave", async () => {
  writeFileSync(`${log()}.hang`, "");
  const child = spawn(home.pulumi, ["up", "--yes", "--skip-preview", "--non-interactive"], {
    cwd: project(),
    env,
    stdio: "ignore",
  });
  const text = await until(
    "the program's start",
    () => existsSync(`${log()}.program`) && readFileSync(`${log()}.program`, "utf8"),
    60_000,
  );
  const [programPid = 0, hostPid = 0] = text.split(" ").map(Number);
  try {
    expect(commandOf(hostPid)).toContain("language-host.cjs");
    expect(commandOf(hostPid)).toContain(engine.node);
    expect(commandOf(programPid)).toContain(engine.node);
    child.kill("SIGKILL");
    await once(child, "exit");
    await until("the language host's end", () => commandOf(hostPid) === undefined, 5_000);
    await until("the program's end", () => commandOf(programPid) === undefined, 5_000);
  } finally {
    for (const pid of [hostPid, programPid]) if (commandOf(pid)?.includes(engine.node)) process.kill(pid, "SIGKILL");
  }
  rmSync(`${log()}.hang`);
});

/** A process's command line; `undefined` when it is gone or a zombie that waits to be reaped. */
function commandOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return text === "" ? undefined : text;
  } catch {
    return undefined;
  }
}
