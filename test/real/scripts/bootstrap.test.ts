import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { packageRoot } from "../../../system/package-root.js";
import { isAlive } from "../../../system/process.js";
import { packages } from "../../scripts/bootstrap/parts.js";
import { until } from "./until.js";

vi.setConfig({ testTimeout: 60_000 });

/** A checkout in small: bootstrap is the real one, the project is three sources, and npm is a script that does what it would do here. */
let root: string;
const started: ChildProcess[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lf-bootstrap-"));
  put("package-lock.json", JSON.stringify({ packages: { "": {}, "node_modules/node": { version: "24.21.0" } } }));
  put(
    "tsconfig.build.json",
    JSON.stringify({
      compilerOptions: {
        outDir: "dist",
        rootDir: ".",
        module: "commonjs",
        types: [],
        lib: ["ES5"],
        skipLibCheck: true,
        strict: true,
      },
    }),
  );
  put("scripts/toolchain/main.ts", `console.log("tools for " + process.argv[2]);`);
  put(
    "scripts/start.ts",
    `console.log("started", process.argv.slice(2).join(" "), process.env.PATH!.split(":")[0]); process.exitCode = 7;`,
  );
  put("ambient.d.ts", `declare const process: any; declare const console: any; declare const setTimeout: any;`);
  put("scripts/old.ts", `console.log("old");`);
  put("npm/npm-cli.js", fakeNpm);
});
afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

const fakeNpm = `
const fs = require("fs"), path = require("path");
const [command] = process.argv.slice(2);
fs.appendFileSync("npm.log", command + "\\n");
if (fs.existsSync("npm-fails")) { console.error("npm error code ENOTFOUND"); process.exit(1); }
if (command === "ci") {
  fs.rmSync("node_modules", { recursive: true, force: true });
  fs.mkdirSync("node_modules/typescript", { recursive: true });
  while (fs.existsSync("npm-waits")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  fs.rmSync("node_modules/typescript", { recursive: true });
  fs.symlinkSync(${JSON.stringify(join(packageRoot(), "node_modules/typescript"))}, "node_modules/typescript");
} else {
  const name = "node-" + process.platform + "-" + process.arch, nested = "node_modules/node/node_modules/";
  fs.mkdirSync(nested + name + "/include/node", { recursive: true });
  fs.writeFileSync(nested + name + "/include/node/node.h", "");
  fs.writeFileSync(nested + ".package-lock.json", JSON.stringify({ packages: { ["node_modules/" + name]: { integrity: process.env.NODE_INTEGRITY } } }));
  fs.mkdirSync("node_modules/.bin", { recursive: true });
  fs.rmSync("node_modules/.bin/node", { force: true });
  fs.symlinkSync(process.execPath, "node_modules/.bin/node");
}`;

function put(name: string, content: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

const bootstrap = (...args: string[]): { child: ChildProcess; ended: Promise<Ended> } =>
  bootstrapBy(process.execPath, args);

function bootstrapBy(node: string, args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const entry = join(packageRoot(), "scripts/bootstrap/main.cjs");
  const call = `require(${JSON.stringify(entry)}).main(${JSON.stringify(args)}, ${JSON.stringify(root)})`;
  const integrity = packages.nodeIntegrity[`node-${process.platform}-${process.arch}`] ?? "";
  const env = {
    PATH: process.env["PATH"],
    HOME: root,
    npm_execpath: join(root, "npm/npm-cli.js"),
    npm_node_execpath: process.execPath,
    NODE_INTEGRITY: integrity,
  };
  const child = spawn(node, ["-e", call], { env, stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  let out = "";
  let err = "";
  child.stdout.on("data", (text: Buffer) => (out += text.toString()));
  child.stderr.on("data", (text: Buffer) => (err += text.toString()));
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    out,
    err,
  }));
  return { child, ended };
}

const npmCalls = (): string[] =>
  existsSync(join(root, "npm.log")) ? readFileSync(join(root, "npm.log"), "utf8").trim().split("\n") : [];
const bin = (): string => join(root, "node_modules/.bin");

test("a fresh checkout gets packages, Node and compiled code, then its tools, then runs the command with its arguments and exit code", async () => {
  const { code, out, err } = await bootstrap("start", "--workers", "2").ended;
  expect(out).toBe(`tools for start\nstarted --workers 2 ${bin()}\n`);
  expect(code).toBe(7);
  expect(npmCalls()).toEqual(["ci", "rebuild"]);
  for (const step of ["npm packages", "Node 24.21.0", "dist/"]) expect(err).toContain(`✓ ${step}`);
});

test("a second run does nothing but run the command", async () => {
  await bootstrap("start").ended;
  const { out, err } = await bootstrap("start").ended;
  expect(out).toBe(`tools for start\nstarted  ${bin()}\n`);
  expect(err).toBe("");
  expect(npmCalls()).toEqual(["ci", "rebuild"]);
});

test("a changed lock installs again, a changed source compiles again, a removed source's output goes, other files in dist/ stay", async () => {
  await bootstrap("start").ended;
  put("dist/bundle/worker.js", "made by something else");
  put("scripts/start.ts", `console.log("changed");`);
  rmSync(join(root, "scripts/old.ts"));
  expect((await bootstrap("start").ended).out).toBe("tools for start\nchanged\n");
  expect(existsSync(join(root, "dist/scripts/old.js"))).toBe(false);
  expect(existsSync(join(root, "dist/bundle/worker.js"))).toBe(true);

  put("package-lock.json", JSON.stringify({ packages: { "": {}, "node_modules/node": { version: "24.21.1" } } }));
  await bootstrap("start").ended;
  expect(npmCalls()).toEqual(["ci", "rebuild", "ci", "rebuild"]);
});

test("a changed lock installs again also when the Node that runs this is among the packages that are replaced", async () => {
  put("node_modules/node/bin/node", "");
  copyFileSync(process.execPath, join(root, "node_modules/node/bin/node"));
  const { code, err } = await bootstrapBy(join(root, "node_modules/node/bin/node"), ["start"]).ended;
  expect(err).toContain("✓ Node 24.21.0");
  expect(code).toBe(7);
});

test("outputs that somebody removed are compiled again", async () => {
  await bootstrap("start").ended;
  rmSync(join(root, "dist"), { recursive: true });
  expect((await bootstrap("start").ended).out).toContain("started");
  rmSync(join(root, "dist/scripts/start.js"));
  put("scripts/old.ts", `console.log("edited");`);
  expect((await bootstrap("start").ended).out).toContain("started");
});

test("two at once in one checkout install once: one waits and says so", async () => {
  put("npm-waits", "");
  const first = bootstrap("start");
  await until("the first one's npm ci", () => npmCalls().includes("ci"));
  const second = bootstrap("start");
  let said = "";
  second.child.stderr?.on("data", (text: Buffer) => (said += text.toString()));
  await until("the second one's waiting", () => said.includes(`process ${first.child.pid}`));
  rmSync(join(root, "npm-waits"));
  const [one, two] = await Promise.all([first.ended, second.ended]);
  expect([one.code, two.code]).toEqual([7, 7]);
  expect(npmCalls()).toEqual(["ci", "rebuild"]);
});

test("one that is killed while it installs leaves no stamp, and the next one installs anew", async () => {
  put("npm-waits", "");
  const killed = bootstrap("start");
  await until("its npm ci", () => npmCalls().includes("ci"));
  killed.child.kill("SIGKILL");
  await killed.ended;
  rmSync(join(root, "npm-waits"));
  expect((await bootstrap("start").ended).code).toBe(7);
  expect(npmCalls()).toEqual(["ci", "ci", "rebuild"]);
});

test("one that is asked to stop while it installs stops npm first and ends by that signal", async () => {
  put("npm-waits", "");
  const stopped = bootstrap("start");
  await until("its npm ci", () => npmCalls().includes("ci"));
  stopped.child.kill("SIGTERM");
  const { signal, err } = await stopped.ended;
  expect(signal).toBe("SIGTERM");
  expect(err).not.toContain("LF1");
  expect(existsSync(join(root, ".fleet/bootstrap.lock"))).toBe(false);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s reaches the command, and bootstrap waits until it has ended",
  async (signal) => {
    put(
      "scripts/start.ts",
      `process.on("${signal}", () => { console.log("bye"); process.exit(3); }); console.log("up", process.pid); setTimeout(() => process.exit(9), 30000);`,
    );
    const running = bootstrap("start");
    let said = "";
    running.child.stdout?.on("data", (text: Buffer) => (said += text.toString()));
    const pid = Number(await until("the command's start", () => /up (\d+)/.exec(said)?.[1]));
    running.child.kill(signal);
    const { code, out } = await running.ended;
    expect(code).toBe(3);
    expect(out).toContain("bye");
    expect(isAlive(pid)).toBe(false);
  },
);

test.each<[situation: string, arrange: () => void, command: string, says: RegExp]>([
  [
    "no network",
    () => put("npm-fails", ""),
    "start",
    /LF1001: installing the npm packages failed: the npm registry cannot be reached\. Next: /,
  ],
  [
    "sources that do not compile",
    () => put("scripts/start.ts", "const a: number = 'b';"),
    "start",
    /TS2322[^]*LF1003: the sources do not compile .* Next: /,
  ],
  ["an unknown command", () => undefined, "strat", /LF1004: there is no command strat\. Next: npm start, or one of: /],
  [
    "a command that is not there",
    () => undefined,
    "bench",
    /LF1004: dist\/test\/bench\/main\.js is not part of this version\. Next: /,
  ],
])("%s is one error with a way out", async (_, arrange, command, says) => {
  arrange();
  const { code, err } = await bootstrap(command).ended;
  expect(code).toBe(1);
  expect(err).toMatch(says);
  expect(err).not.toContain("    at ");
});

test("a Node that is not the pinned one is refused", async () => {
  put("npm/npm-cli.js", fakeNpm.replace("process.env.NODE_INTEGRITY", '"sha512-other"'));
  expect((await bootstrap("start").ended).err).toMatch(/LF1002: npm's node-\w+-\w+@24\.21\.0 is not the one/);
});

test("what bootstrap costs when all is there is told", async () => {
  await bootstrap("start").ended;
  const node = realpathSync(join(bin(), "node"));
  const time = async (run: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
  const direct = (): Promise<unknown> =>
    once(spawn(node, [join(root, "dist/scripts/start.js")], { stdio: "ignore" }), "close");
  const whole = await time(() => bootstrap("start").ended);
  const bare = await time(direct);
  process.stdout.write(
    `warm bootstrap: ${Math.round(whole - bare)} ms over the command itself (a small checkout, tools not looked at)\n`,
  );
  expect(whole).toBeGreaterThan(bare);
});
