import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compiled } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";
import { freePort } from "../../../system/net.js";
import { tryLock } from "../../../system/lock.js";
import { contracts, refundTo } from "../../simulation/world.js";
import { exitOf, realWorker, type RealWorker } from "./started.js";

let folder: string;
let worker: RealWorker;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-start-"));
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  worker = await realWorker({
    folder,
    network: {
      name: "nowhere",
      chainId: 8200,
      endpoints: { rpc: nowhere, beacon: nowhere, gateway: nowhere },
      contracts: { workerRegistry: contracts.workerRegistry },
    },
    ...{ model: "llama3-8b", ollamaUrl: nowhere, refundTo },
  });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const lastLine = async (): Promise<unknown> => JSON.parse((await worker.log()).trim().split("\n").at(-1)!);

test("a node that is down: try again", async () => {
  expect(await exitOf(worker.start())).toBe(75);
  expect(await lastLine()).toMatchObject({ code: "LF1212", exit: 75 });
});

test("another process in the same state folder: try again", async () => {
  await exitOf(worker.start()); // makes the folder
  const held = tryLock(join(folder, "state", "sidecar.lock"));
  expect(await exitOf(worker.start())).toBe(75);
  expect(await lastLine()).toMatchObject({ code: "LF1454" });
  held?.release();
});

test("a secret for another host: do not restart, and nothing secret in the log", async () => {
  const path = join(folder, "settings.json");
  await writeFile(path, (await readFile(path, "utf8")).replace("test-host", "other-host"));
  expect(await exitOf(worker.start())).toBe(78);
  expect(await lastLine()).toMatchObject({ code: "LF1453", exit: 78 });
  expect(await worker.log()).not.toMatch(/signingKey|encryptionKey/);
});

test.each<[what: string, args: string[], code: string]>([
  ["no arguments", [], "LF1450"],
  ["a secret in the arguments", ["--settings", "/x", "--secrets", "0xabc"], "LF1450"],
  ["settings that are not there", ["--settings", "/nowhere/settings.json", "--secrets", "fd:3"], "LF1451"],
])("%s: do not restart", async (_, args, code) => {
  const { code: exit, stderr } = await runProcess(process.execPath, [compiled("sidecar/main.js"), ...args], {
    env: {},
  });
  expect(exit).toBe(78);
  expect(stderr).toContain(code);
});
