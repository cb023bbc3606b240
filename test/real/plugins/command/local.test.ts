import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isAlive } from "../../../../system/process.js";
import { until } from "../../scripts/until.js";
import { openStack, type Stack } from "../stack.js";

/** A command that leaves a line in the log each time that it runs. */
const command = (more = ""): string =>
  `new local.Command("a", { create: "echo create >> " + folder + "/log; echo hello", update: "echo update >> " + folder + "/log; echo again",
    delete: "echo delete $PULUMI_COMMAND_STDOUT >> " + folder + "/log", ${more} });`;
const exported = (more = ""): string => `exports.stdout = (${command(more).slice(0, -1)}).stdout;`;

describe("a local command", () => {
  let stack: Stack;
  const log = async (): Promise<string[]> =>
    (await readFile(join(stack.folder, "log"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  beforeEach(async () => {
    stack = await openStack();
  });
  afterEach(() => stack.end());

  test("is run by an up, left alone by the next, run by its update and its delete, and never by a preview", async () => {
    expect(await stack.preview(exported())).toMatchObject({ code: 0, steps: ["create a"] });
    expect(await log()).toEqual([]);

    expect((await stack.done(exported())).steps).toEqual(["create a"]);
    expect(await stack.outputs()).toEqual({ stdout: "hello" });
    expect((await stack.done(exported())).steps).toEqual([]);
    expect(await log()).toEqual(["create"]);

    const changed = exported(`environment: { A: "1" }`);
    expect(await stack.preview(changed)).toMatchObject({ code: 0, steps: ["update a"] });
    expect(await log()).toEqual(["create"]);
    expect((await stack.done(changed)).steps).toEqual(["update a"]);
    expect(await stack.outputs()).toEqual({ stdout: "again" });

    expect(await stack.destroy()).toMatchObject({ code: 0, steps: ["delete a"] });
    expect(await log()).toEqual(["create", "update", "delete again"]);
  });

  test("is made anew when a trigger changes: the new one before the old one goes", async () => {
    await stack.done(command(`triggers: ["one"]`));
    const { steps } = await stack.done(command(`triggers: ["two"]`));
    expect(steps).toEqual(["create-replacement a", "replace a", "delete-replaced a"]);
    expect(await log()).toEqual(["create", "create", "delete hello"]);
  });

  test("leaves nothing of a secret in clear, neither what it was given nor what it said", async () => {
    const echo = `create: "cat", stdin: pulumi.secret("open sesame")`;
    const { code, said } = await stack.up(
      `exports.stdout = new local.Command("a", { ${echo}, logging: "none" }).stdout;`,
    );
    expect(code).toBe(0);
    expect(await stack.outputs()).toEqual({ stdout: "open sesame" });
    expect(said).not.toContain("sesame");
    await stack.up(`new local.Command("a", { create: "true", stdin: pulumi.secret("another word") });`);
    const written = await stack.written();
    expect(written).not.toContain("sesame");
    expect(written).not.toContain("another word");
    expect(written).toContain("true"); // what is no secret is there, so the search can find
  });

  test("says what it said when it fails, and is not there", async () => {
    const failing = `new local.Command("a", { create: "echo some words; echo more >&2; exit 3" });`;
    const { code, said } = await stack.up(failing);
    expect(code).not.toBe(0);
    expect(said).toContain("exit status 3: running");
    expect(said).toMatch(/some words\s+more/);
    expect(await stack.destroy()).toMatchObject({ code: 0, steps: [] });
  });

  test("is refused with a property that the real one has not got, wherever it is", async () => {
    const { said } = await stack.up(
      `const a = new local.Command("a", { create: "true", environment: { A: { b: "c" } } });`,
    );
    expect(said).toContain("must be a string");
  });

  test("is gone with its plugin when the engine is killed", async () => {
    const waiting = `new local.Command("a", { create: "echo $$ $PPID > " + folder + "/pids; exec sleep 600" });`;
    const { file, args, cwd, env } = await stack.command(waiting);
    const engine = spawn(file, args, { cwd, env, stdio: "ignore" });
    const pids = join(stack.folder, "pids");
    await until("the command's start", () => existsSync(pids), 60_000);
    const [command = 0, plugin = 0] = (await readFile(pids, "utf8")).trim().split(" ").map(Number);
    try {
      expect(isAlive(plugin)).toBe(true);
      engine.kill("SIGKILL");
      await once(engine, "exit");
      await until("the plugin's end", () => !isAlive(plugin), 5_000);
    } finally {
      process.kill(command, "SIGKILL"); // a command outlives its plugin, as the real one's does
    }
  });
});
