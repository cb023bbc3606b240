import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keptGenesis } from "../../../devnet/chain/chain.js";
import { steer } from "../../../devnet/control-client.js";
import { runningSchema } from "../../../devnet/documents.js";
import { isAlive, runProcess, startProcess } from "../../../system/process.js";
import { compiled } from "../../../system/package-root.js";
import { tool } from "../toolchain.js";

describe("the rehearsal network as a program", () => {
  let dir: string;
  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), "lightchain-devnet-"))));
  afterEach(async () => {
    await run("down");
    await rm(dir, { recursive: true });
  });

  const argumentsFor = (...args: string[]) => [compiled("devnet/main.js"), ...args, "--dir", dir];
  const environment = async () => ({ PATH: process.env["PATH"] ?? "", HOME: dir, LIGHTCHAIN_GETH: await tool("geth") });
  const run = async (...args: string[]) =>
    runProcess(process.execPath, argumentsFor(...args), { env: await environment() });
  const running = async () => runningSchema.parse(JSON.parse(await readFile(join(dir, "devnet.json"), "utf8")));
  const gethId = async () => Number(await readFile(join(dir, "chain", "node", "geth.pid"), "utf8"));

  test("stays in the background with the rules it was given, lets time pass, and is gone after `down`", async () => {
    const up = await run("up", "--detach", "--fork", "osaka");
    expect(up).toMatchObject({ code: 0, stdout: expect.stringContaining("network.json") as unknown });
    const { control } = await running();
    expect(await keptGenesis(join(dir, "chain"), 0)).toBeDefined();
    const before = await steer({ control }, "GET", "/status");
    expect(await run("advance", "86400")).toMatchObject({ code: 0 });
    const after = await steer({ control }, "GET", "/status");
    expect(after.block.timestamp - before.block.timestamp).toBeGreaterThanOrEqual(86_400);
    expect(await run("status")).toMatchObject({ code: 0, stdout: expect.stringContaining(control) as unknown });
    expect(await run("up", "--detach")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("LF1022") as unknown,
    });

    const geth = await gethId();
    expect(await run("down")).toMatchObject({ code: 0, stdout: "Stopped.\n" });
    expect(isAlive(geth)).toBe(false);
    await expect(steer({ control }, "GET", "/status")).rejects.toThrow("fetch failed");
    expect(await run("down")).toMatchObject({ code: 0, stdout: "Nothing was running.\n" });
    expect(await run("status")).toMatchObject({ code: 1, stderr: expect.stringContaining("LF1029") as unknown });
  });

  test("ends with Ctrl-C when it runs in the foreground", async () => {
    const child = startProcess(process.execPath, argumentsFor("up"), {
      env: await environment(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout!, "data");
    const geth = await gethId();
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(isAlive(geth)).toBe(false);
  });

  test("leaves nothing that `down` cannot clear away, even when it is killed", async () => {
    await run("up", "--detach");
    const [{ pid }, geth] = [await running(), await gethId()];
    process.kill(pid, "SIGKILL");
    expect(await run("down")).toMatchObject({ code: 0 });
    expect(isAlive(geth)).toBe(false);
  });

  test("says what is missing", async () => {
    const { PATH, HOME } = await environment();
    const result = await runProcess(process.execPath, argumentsFor("up"), { env: { PATH, HOME } });
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("LF1024") as unknown });
    const broken = { PATH, HOME, LIGHTCHAIN_GETH: "/nowhere/geth" };
    const detached = await runProcess(process.execPath, argumentsFor("up", "--detach"), { env: broken });
    expect(detached).toMatchObject({ code: 1, stderr: expect.stringContaining("LF1020") as unknown });
  });
});
