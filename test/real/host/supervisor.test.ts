import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hostPublicKey } from "../../../host/host-key.js";
import { layoutOf } from "../../../host/layout.js";
import { keepSealed } from "../../../host/seal.js";
import type { Unit } from "../../../host/services/unit.js";
import { askSupervisor, type SupervisorRequest } from "../../../host/supervisor/protocol.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { addressSchema } from "../../../schema/network.js";
import { isAlive, runProcess, startProcess, stopProcess } from "../../../system/process.js";
import { makeFakeBundle } from "./fake-bundle.js";
import { until } from "./world.js";

let bundle: string;
beforeAll(async () => {
  bundle = await makeFakeBundle(await mkdtemp(join(tmpdir(), "fleet-bundle-")));
});
afterAll(() => rm(bundle, { recursive: true, force: true }));

let root: string;
let supervisor: ReturnType<typeof startProcess>;
const start = async () => {
  const program = startProcess(process.execPath, [join(bundle, "supervisor.js"), "--root", root]);
  await until(
    () =>
      ask({ op: "status", name: "any" }).then(
        () => true,
        () => false,
      ),
    "an answering supervisor",
  );
  return program;
};
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "fleet-host-"));
  await mkdir(layoutOf(root).supervisor.folder);
  supervisor = await start();
});
afterEach(async () => {
  await stopProcess(supervisor);
  await rm(root, { recursive: true, force: true });
});

const ask = (request: SupervisorRequest) => askSupervisor(layoutOf(root).supervisor.socket, request);
const statusOf = async (name: string) => (await ask({ op: "status", name })).status;
/** A unit that runs a line of shell in the host's folder. */
const shell = (name: string, script: string, more: Partial<Unit> = {}): Unit => ({
  name,
  description: name,
  command: ["/bin/sh", "-c", script],
  environment: { PATH: "/usr/bin:/bin" },
  folder: root,
  log: join(root, `${name}.log`),
  stopTimeoutMs: 5_000,
  revision: "1",
  secret: null,
  ...more,
});
const ensure = (unit: Unit) => ask({ op: "ensure", unit });
/** Says in the file `events` when it began and when it was told to stop, and takes its time over that. */
const patient = (name: string) =>
  shell(
    name,
    `trap 'echo stop ${name} >> events; sleep 0.3; echo end ${name} >> events; exit 0' TERM
    echo start ${name} >> events; while :; do sleep 0.05; done`,
  );
const events = async () => (await readFile(join(root, "events"), "utf8").catch(() => "")).trim().split("\n");
const sealedSecret = async (): Promise<Unit["secret"]> => {
  const layout = layoutOf(root);
  const address = addressSchema.parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
  const to = { hostPublicKey: await hostPublicKey(layout), host: "here", epoch: 1, address };
  const sealed = sealForHost(to, randomBytes(64));
  await keepSealed(layout, { root, host: "here", worker: "w", address, epoch: 1, sealed });
  return { sealed: layout.worker("w").sealed, hostKey: layout.hostKey, host: "here" };
};

describe("a supervisor that is told to end", () => {
  test("stops its programs one after another, the last started first, and the next one starts them again", async () => {
    for (const name of ["a", "c", "b"]) await ensure(patient(name));
    await until(async () => (await events()).length === 3, "three starts");
    await rm(join(root, "events"));
    await stopProcess(supervisor);
    expect(supervisor.exitCode).toBe(0);
    expect(await events()).toEqual(["stop b", "end b", "stop c", "end c", "stop a", "end a"]);
    expect(existsSync(layoutOf(root).supervisor.socket)).toBe(false);

    supervisor = await start();
    await until(async () => (await events()).filter((one) => one.startsWith("start")).length === 3, "three starts");
  });

  test("ends although it was only just started", async () => {
    await ensure(patient("a"));
    await until(async () => (await events()).includes("start a"), "its first start");
    await stopProcess(supervisor);
    const next = startProcess(process.execPath, [join(bundle, "supervisor.js"), "--root", root]);
    await until(async () => (await events()).filter((one) => one === "start a").length === 2, "a second start");
    await stopProcess(next);
    expect(next.exitCode).toBe(0);
    expect((await events()).at(-1)).toBe("end a");
  });
});

test("a second supervisor of the same folder ends at once and disturbs nothing", async () => {
  await ensure(patient("a"));
  const before = await statusOf("a");
  const second = await runProcess(process.execPath, [join(bundle, "supervisor.js"), "--root", root], { env: {} });
  expect(second.code).toBe(0);
  expect(second.stderr).toContain("LF1314");
  expect(await statusOf("a")).toEqual(before);
  expect(isAlive(supervisor.pid!)).toBe(true);
});

describe("a program", () => {
  test("that is not there does not take the supervisor with it, with a secret or without", async () => {
    const command = [join(root, "no-such-program")];
    expect((await ensure(shell("a", "", { command }))).status).toMatchObject({ state: "backing-off", pid: null });
    const secret = await sealedSecret();
    expect((await ensure(shell("b", "", { command, secret }))).status).toMatchObject({ state: "backing-off" });
    expect((await ensure(shell("b", "sleep 60", { secret }))).status).toMatchObject({ state: "running" });
    expect(isAlive(supervisor.pid!)).toBe(true);
  });

  test("that ends before it has read its secret is still seen to end", async () => {
    await ensure(shell("a", "exit 78", { secret: await sealedSecret() }));
    await until(async () => (await statusOf("a"))?.state === "refused", "the refusal");
    expect(await statusOf("a")).toEqual({ state: "refused", pid: null, lastExit: 78 });
  });

  test("whose secret's key was copied from another folder stays down, and its log says why", async () => {
    const secret = (await sealedSecret())!;
    const copied = join(root, "copied-key");
    for (const end of ["", ".place"]) await copyFile(`${secret.hostKey}${end}`, `${copied}${end}`);
    await ensure(shell("a", "sleep 60", { secret: { ...secret, hostKey: copied } }));
    await until(async () => (await statusOf("a"))?.state === "refused", "the refusal");
    expect(await statusOf("a")).toEqual({ state: "refused", pid: null, lastExit: 78 });
    expect(await readFile(join(root, "a.log"), "utf8")).toMatch(/"LF1313".*is a copy of a key that was made at/);
  });

  test("that is killed leaves nothing of its own behind", async () => {
    await ensure(shell("a", "echo $$ > parent; sleep 300 & echo $! > child; wait"));
    const pidIn = async (file: string) => Number(await readFile(join(root, file), "utf8").catch(() => "0"));
    await until(async () => (await pidIn("child")) > 0, "its child");
    const child = await pidIn("child");
    process.kill(await pidIn("parent"), "SIGKILL");
    await until(async () => !isAlive(child), "its child's end");
  });

  test("that ignores SIGTERM is killed after its grace", async () => {
    await ensure(shell("a", "trap '' TERM; echo ready > ready; while :; do sleep 0.05; done", { stopTimeoutMs: 300 }));
    await until(async () => existsSync(join(root, "ready")), "the program");
    const { pid } = (await statusOf("a"))!;
    expect((await ask({ op: "remove", name: "a" })).changed).toBe(true);
    expect(isAlive(pid!)).toBe(false);
    expect(await statusOf("a")).toBeNull();
    expect(await readdir(layoutOf(root).supervisor.units)).toEqual([]);
    expect(await readdir(layoutOf(root).supervisor.pids)).toEqual([]);
  });
});

test("one unit that cannot be read keeps no other down", async () => {
  await ensure(patient("b"));
  await stopProcess(supervisor);
  await writeFile(join(layoutOf(root).supervisor.units, "a.json"), "{}");
  supervisor = await start();
  await until(async () => (await statusOf("b"))?.state === "running", "the other one");
  expect(await statusOf("a")).toBeNull();
});

test("a unit run for another service manager passes its exit code on, and its signal", async () => {
  const run = async (unit: Unit) => {
    const file = join(root, "one.json");
    await writeFile(file, JSON.stringify(unit));
    return startProcess(process.execPath, [join(bundle, "supervisor.js"), "--unit", file]);
  };
  const codeOf = async (unit: Unit) => ((await once(await run(unit), "exit")) as [number | null])[0];
  expect(await codeOf(shell("a", "exit 78", { secret: await sealedSecret() }))).toBe(78);
  expect(await codeOf(shell("a", "kill -9 $$"))).toBe(1);
  expect(await codeOf(shell("a", "", { command: [join(root, "nothing")] }))).toBe(1);
  const one = await run(patient("p"));
  await until(async () => (await events()).includes("start p"), "the program");
  await stopProcess(one);
  expect(one.exitCode).toBe(0);
  expect(await events()).toEqual(["start p", "stop p", "end p"]);
});
