import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import { openHost, type Host } from "../../../components/host/host.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { findSecrets, needleOf } from "../../../keystore/secret-scan.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { settingsSchema } from "../../../schema/settings.js";
import { isAlive } from "../../../system/process.js";
import { systemClock } from "../../../system/clock.js";
import { busySidecar, makeFakeBundle, misconfiguredSidecar } from "./fake-bundle.js";

const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
let bundles: string;
let good: string;
let bad: string;
let busy: string;
beforeAll(async () => {
  bundles = await mkdtemp(join(tmpdir(), "fleet-bundles-"));
  good = await makeFakeBundle(join(bundles, "good"));
  bad = await makeFakeBundle(join(bundles, "bad"), misconfiguredSidecar);
  busy = await makeFakeBundle(join(bundles, "busy"), busySidecar);
  return () => rm(bundles, { recursive: true, force: true });
});

let folder: string;
let root: string;
let host: Host;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-host-"));
  root = join(folder, "host");
  host = openHost({ kind: "local", name: "here", root });
});
afterEach(async () => {
  if (existsSync(join(root, "bundles"))) await removeService();
  await rm(folder, { recursive: true, force: true });
});

const settings = () =>
  settingsSchema.parse({
    worker: "home",
    host: "here",
    address,
    network: networks.testnet,
    models: ["llama3-8b"],
    stateFolder: join(root, "workers/home/state"),
    inference: { ollamaUrl: "http://127.0.0.1:1" },
  });
const service = async (bundle: string, logLevel: "info" | "debug" = "info") =>
  host.call("reconcile", {
    worker: "home",
    section: "service",
    desired: { kind: "service", bundle: await readBundleHash(bundle), settings: { ...settings(), logLevel } },
  });
const removeService = () => host.call("reconcile", { worker: "home", section: "service", desired: null });

async function seal(secret: Uint8Array, epoch = 1, name = "here") {
  const { sealKey } = await host.call("facts", {});
  const sealed = sealForHost({ hostPublicKey: Buffer.from(sealKey, "hex"), host: name, epoch, address }, secret);
  return host.call("seal", { worker: "home", address, epoch, sealed });
}
const starts = async (): Promise<{ pid: number; hash: string }[]> => {
  const text = await readFile(join(root, "workers/home/state/starts"), "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => ({ pid: Number(line.split(" ")[0]), hash: line.split(" ")[1]! }));
};
async function until<T>(what: () => Promise<T | undefined>, why: string): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end; await systemClock.sleep(50)) {
    const found = await what();
    if (found !== undefined) return found;
  }
  throw new Error(`not within 20 s: ${why}`);
}
const started = (count: number) =>
  until(async () => ((await starts()).length >= count ? starts() : undefined), `${count} starts of the sidecar`);
const supervisorPid = async (): Promise<number> => {
  const log = await readFile(join(root, "supervisor/supervisor.log"), "utf8");
  const lines = log.split("\n").filter((line) => line.includes('"supervising"'));
  return (JSON.parse(lines.at(-1)!) as { pid: number }).pid;
};

describe("a host, driven by its own program", () => {
  test("hands a sealed secret to the sidecar on descriptor 3, and it is nowhere else", async () => {
    await host.put(good);
    const secret = randomBytes(64);
    await seal(secret);
    const { service: report } = await service(good);
    expect(report?.state).toBe("running");
    const [first] = await started(1);
    expect(first!.hash).toBe(createHash("sha256").update(secret).digest("hex"));

    const needles = [needleOf("the secret", secret)];
    const seen = [
      await readFile(`/proc/${first!.pid}/cmdline`),
      await readFile(`/proc/${first!.pid}/environ`),
      ...(await Promise.all(
        (await readdir(root, { recursive: true, withFileTypes: true }))
          .filter((one) => one.isFile() && one.name !== "node")
          .map((one) => readFile(join(one.parentPath, one.name))),
      )),
    ];
    expect(seen.flatMap((content) => findSecrets(content, needles))).toEqual([]);
    expect(findSecrets(Buffer.concat([Buffer.from("x"), secret]), needles)).toHaveLength(1);
  });

  test("lets a sidecar leave no core, by limit or by content", async () => {
    await host.put(good);
    await seal(randomBytes(64));
    await service(good);
    const [first] = await started(1);
    expect(await readFile(`/proc/${first!.pid}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m);
    expect(await readFile(`/proc/${first!.pid}/coredump_filter`, "utf8")).toBe("00000000\n");
  });

  test("lets a sidecar finish its job before it is replaced by another bundle's, and never runs both", async () => {
    await host.put(busy);
    await seal(randomBytes(64));
    await service(busy);
    const [first] = await started(1);
    await host.put(good); // now: one that was put before what serves counts as left over
    const begun = Date.now();
    await service(good);
    expect(Date.now() - begun).toBeGreaterThan(2_000);
    await started(3); // its word that the job is done, and the second start
    const lines = (await readFile(join(root, "workers/home/state/starts"), "utf8")).trim().split("\n");
    expect(lines[1]).toBe(`${first!.pid} job-done`);
    expect(lines).toHaveLength(3);
  });

  test("changes nothing when nothing changed, and restarts the sidecar when its settings did", async () => {
    await host.put(good);
    await seal(randomBytes(64));
    expect((await service(good)).changes).toEqual(["started worker home"]);
    await started(1);
    expect((await service(good)).changes).toEqual([]);
    expect(await starts()).toHaveLength(1);
    expect((await service(good, "debug")).changes).toEqual(["started worker home"]);
    await started(2);
  });

  test("starts a killed sidecar again", async () => {
    await host.put(good);
    await seal(randomBytes(64));
    await service(good);
    const [first] = await started(1);
    process.kill(first!.pid, "SIGKILL");
    const both = await started(2);
    expect(both[1]!.pid).not.toBe(first!.pid);
  });

  test("takes down what a killed supervisor left before it starts anything new", async () => {
    await host.put(good);
    await seal(randomBytes(64));
    await service(good);
    const [orphan] = await started(1);
    process.kill(await supervisorPid(), "SIGKILL");
    expect(isAlive(orphan!.pid)).toBe(true);
    await service(good);
    await started(2);
    expect(isAlive(orphan!.pid)).toBe(false);
    expect(await host.call("proofOfDeath", { worker: "home" })).toMatchObject({ dead: false });
  });

  test("is no proof of death that sidecar and supervisor were killed: the next supervisor would start it again", async () => {
    await host.put(good);
    await seal(randomBytes(64));
    await service(good);
    const [sidecar] = await started(1);
    const supervisor = await supervisorPid();
    for (const pid of [supervisor, sidecar!.pid]) process.kill(pid, "SIGKILL");
    await until(async () => (isAlive(sidecar!.pid) || isAlive(supervisor) ? undefined : true), "both gone");
    expect(await host.call("proofOfDeath", { worker: "home" })).toMatchObject({ dead: false });
    expect((await service(good)).service?.state).toBe("running");
    await started(2);
  });

  test("removes a service that a killed supervisor left running, without starting it once more", async () => {
    await host.put(good);
    await seal(randomBytes(64));
    await service(good);
    const [sidecar] = await started(1);
    process.kill(await supervisorPid(), "SIGKILL");
    await writeFile(join(root, "keep"), "");
    const log = await open(join(root, "supervisor/supervisor.log")); // still to be read once it is removed
    expect((await removeService()).changes).toEqual(["stopped worker home"]);
    expect(isAlive(sidecar!.pid)).toBe(false);
    const text = await log.readFile("utf8");
    await log.close();
    expect(text.split("\n").filter((line) => line.includes('"supervising"'))).toHaveLength(2);
    expect(text.split("\n").filter((line) => line.includes('"unit":"worker-home"'))).toHaveLength(1); // its first start
    expect(await readdir(root)).toEqual(["keep"]);
  });

  test("leaves a misconfigured sidecar down and says so", async () => {
    await host.put(bad);
    await seal(randomBytes(64));
    await service(bad);
    const why = await until(
      () =>
        host.call("control", { worker: "home", request: { op: "status" } }).then(
          () => undefined,
          (error: unknown) => (String(error).includes("78") ? String(error) : undefined),
        ),
      "refusal reported",
    );
    expect(why).toMatch(/LF1320: .*exit code 78/);
    expect(await host.call("proofOfDeath", { worker: "home" })).toMatchObject({ dead: true });
  });

  test("refuses a former epoch, and a secret that was meant for another host", async () => {
    await host.put(good);
    await seal(randomBytes(64), 5);
    await expect(seal(randomBytes(64), 4)).rejects.toThrow(/LF1310/);
    await expect(seal(randomBytes(64), 6, "elsewhere")).rejects.toThrow(/LF1311/);
  });

  test("refuses a bundle that somebody changed", async () => {
    const hash = await host.put(good);
    await seal(randomBytes(64));
    await rm(join(root, "bundles", hash, "sidecar.js"));
    await expect(service(good)).rejects.toThrow(/LF1306: .*sidecar\.js is missing/);
  });

  test("starts nothing before a secret was sealed", async () => {
    await host.put(good);
    await expect(service(good)).rejects.toThrow(/LF1309/);
  });

  test("leaves nothing once its document is empty", async () => {
    await host.put(good);
    await seal(randomBytes(64));
    await service(good);
    const [sidecar] = await started(1);
    const supervisor = await supervisorPid();
    await removeService();
    expect(isAlive(sidecar!.pid)).toBe(false);
    expect(isAlive(supervisor)).toBe(false);
    expect(existsSync(root)).toBe(false);
    expect(await host.present()).toBe(false);
  });
});
