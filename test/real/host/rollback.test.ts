import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { openHost, type Host } from "../../../components/host/host.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { documentSchema, type Report } from "../../../schema/host.js";
import { toJson, toPlain } from "../../../schema/json.js";
import { settingsSchema } from "../../../schema/settings.js";
import type { Hash } from "../../../schema/units.js";
import { isAlive, startProcess } from "../../../system/process.js";
import { createSimulation } from "../../simulation/simulation.js";
import { answeringSidecar, endingSidecar, makeFakeBundle, patientSidecar } from "./fake-bundle.js";
import { until } from "./world.js";

const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const status = toPlain(createSimulation().boot().sidecar.status()) as object;
const kinds = {
  one: answeringSidecar(status, { says: "one" }),
  two: answeringSidecar(status, { says: "two" }),
  three: answeringSidecar(status, { says: "three" }),
  crashes: endingSidecar(1),
  refuses: endingSidecar(78),
  hangs: patientSidecar,
  "is under another epoch": answeringSidecar(status, { says: "epoch", epoch: 9 }),
  "answers and dies": answeringSidecar(status, { says: "dies", dieAfterMs: 200 }),
} as const;
type Kind = keyof typeof kinds;

let bundles: string;
const folders = {} as Record<Kind, string>;
const hashes = {} as Record<Kind, Hash>;
beforeAll(async () => {
  bundles = await mkdtemp(join(tmpdir(), "fleet-bundles-"));
  for (const [index, kind] of (Object.keys(kinds) as Kind[]).entries()) {
    folders[kind] = await makeFakeBundle(join(bundles, String(index)), kinds[kind]);
    hashes[kind] = await readBundleHash(folders[kind]);
  }
  return () => rm(bundles, { recursive: true, force: true });
});

let folder: string;
let root: string;
let host: Host;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-back-"));
  root = join(folder, "host");
  host = openHost({ kind: "local", name: "here", root });
});
afterEach(async () => {
  if (existsSync(join(root, "bundles")))
    await host.call("reconcile", { worker: "home", section: "service", desired: null });
  await rm(folder, { recursive: true, force: true });
});

const desired = (kind: Kind, withinMs: number) => ({
  kind: "service" as const,
  bundle: hashes[kind],
  healthyWithinMs: withinMs,
  settings: settingsSchema.parse({
    ...{ worker: "home", host: "here", address, network: networks.testnet, models: ["llama3-8b"] },
    stateFolder: join(root, "workers/home/state"),
    inference: { ollamaUrl: "http://127.0.0.1:1" },
  }),
});
const bring = async (kind: Kind, withinMs = 20_000): Promise<Report> => {
  await host.put(folders[kind]);
  return host.call("reconcile", { worker: "home", section: "service", desired: desired(kind, withinMs) });
};
async function seal(epoch = 1): Promise<void> {
  const { sealKey } = await host.call("facts", {});
  const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch, address } as const;
  await host.call("seal", { worker: "home", address, epoch, sealed: sealForHost(to, Buffer.from(toJson({ epoch }))) });
}
/** Which of them answers now, by what it says of itself. */
const serving = async (): Promise<string | undefined> => {
  const reply = await host.call("control", { worker: "home", request: { op: "status" } }).catch(() => undefined);
  return reply?.ok === true ? reply.status.bundle : undefined;
};
const serves = (says: string) => until(async () => (await serving()) === says, `${says} serves`);
const starts = async (): Promise<string[]> =>
  (await readFile(join(root, "workers/home/state/starts"), "utf8")).split("\n").filter((line) => line !== "");
const worker = async () =>
  documentSchema.parse(JSON.parse(await readFile(join(root, "document.json"), "utf8"))).workers["home"]!;
const onHost = async (): Promise<string[]> => (await readdir(join(root, "bundles"))).sort();
const listOf = (...some: Kind[]): string[] => some.map((kind) => hashes[kind]).sort();
async function begin(): Promise<void> {
  await host.put(folders.one);
  await seal();
  await bring("one");
  await serves("one");
}

describe("a new bundle", () => {
  test("that answers takes over; the one before stays on the host, and older ones go", async () => {
    await begin();
    expect(await bring("two")).toMatchObject({ changes: ["started worker home"], rolledBack: null });
    expect(await serving()).toBe("two");
    expect(await worker()).toMatchObject({
      service: { bundle: hashes.two },
      fallback: null,
      previousBundle: hashes.one,
    });
    expect(await onHost()).toEqual(listOf("one", "two"));
    expect(await bring("two")).toMatchObject({ changes: [] });

    await utimes(join(root, "bundles", hashes.one), new Date(0), new Date(0)); // what was put within the hour stays
    const third = await bring("three");
    expect(third.changes).toEqual(["started worker home", `removed bundle ${hashes.one.slice(0, 14)}…`]);
    expect(await onHost()).toEqual(listOf("two", "three"));
    expect(await serving()).toBe("three");
  });

  test.each<[Kind, number, RegExp]>([
    ["crashes", 3_000, /cannot start: LF1401: It cannot go on\./],
    ["refuses", 60_000, /cannot start: LF1401: It cannot go on\./],
    ["hangs", 3_000, /still starting.* After 3 s/],
    ["is under another epoch", 3_000, /epoch 9, not 1/],
    ["answers and dies", 3_000, /After [3-9] s/],
  ])(
    "that %s is put back to the one before, which goes on serving, however often it is tried",
    async (kind, withinMs, because) => {
      await begin();
      for (let time = 0; time < 2; time++) {
        const begun = Date.now();
        const report = await bring(kind, withinMs);
        expect(report.rolledBack).toMatchObject({ from: hashes[kind], to: hashes.one });
        expect(report.rolledBack!.because).toMatch(because);
        expect(report.service).toMatchObject({ state: "running" });
        expect(Date.now() - begun).toBeLessThan(20_000);
        expect(await serving()).toBe("one");
        expect(await worker()).toMatchObject({ service: { bundle: hashes.one }, fallback: null });
      }
      expect(await onHost()).toEqual(expect.arrayContaining(listOf("one")));
      expect(await bring("two")).toMatchObject({ rolledBack: null });
      expect(await serving()).toBe("two");
    },
  );

  test("at a first start has nothing to be put back to, and says itself why it does not come up", async () => {
    await host.put(folders.refuses);
    await seal();
    expect((await bring("refuses")).rolledBack).toBeNull();
    const status = () => host.call("control", { worker: "home", request: { op: "status" } });
    await until(async () => (await status().then(toJson, String)).includes("LF1321"), "its reason is told");
    expect((await bring("two")).rolledBack).toBeNull(); // nor is the one that never answered
    await serves("two");
  });

  test("after one that does not answer any more is not put back to it", async () => {
    await begin();
    expect((await bring("refuses")).rolledBack).not.toBeNull();
    const pid = Number((await starts()).at(-1)!.split(" ")[0]);
    await rm(join(root, "workers/home/state/control.sock"));
    expect([isAlive(pid), await serving()]).toEqual([true, undefined]);
    expect((await bring("refuses")).rolledBack).toBeNull();
  });

  test("that came in the place of the one before, as with a container's image, has nothing to be put back to", async () => {
    await begin();
    const [former, image] = [hashes.one, await host.put(folders.refuses)].map((hash) => join(root, "bundles", hash));
    await rm(former!, { recursive: true });
    await symlink(image!, former!); // what is called by the former's name starts the new one
    expect(await serving()).toBe("one");
    expect((await bring("refuses")).rolledBack).toBeNull();
    expect(await worker()).toMatchObject({ service: { bundle: hashes.refuses }, fallback: null });
  });

  test("under a new epoch is held to that one", async () => {
    await begin();
    await seal(2);
    expect((await bring("two")).rolledBack).toBeNull();
    expect(await worker()).toMatchObject({ previousBundle: hashes.one });
  });
});

describe("a run that is killed while a new bundle is on trial", () => {
  /** As `bring`, by a process that is killed once `when` holds. */
  async function killedWhile(kind: Kind, withinMs: number, when: () => Promise<boolean>): Promise<void> {
    const place = join(root, "bundles", await host.put(folders[kind]));
    const program = startProcess(join(place, "node"), [join(place, "host.js"), "reconcile"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    const request = { root, host: "here", worker: "home", section: "service", desired: desired(kind, withinMs) };
    program.stdin!.end(toJson(request));
    await until(when, "the moment to kill it");
    program.kill("SIGKILL");
    await until(async () => program.signalCode !== null || program.exitCode !== null, "its end");
    expect(program.signalCode).toBe("SIGKILL");
  }
  const isTried = (line: string) => async (): Promise<boolean> => (await starts()).some((one) => one.includes(line));

  test("is gone on with by the next one, which puts a bad one back", async () => {
    await begin();
    await killedWhile("crashes", 60_000, isTried("ends 1"));
    expect(await worker()).toMatchObject({ service: { bundle: hashes.crashes }, fallback: { bundle: hashes.one } });
    expect((await bring("crashes", 3_000)).rolledBack).toMatchObject({ to: hashes.one });
    expect(await serving()).toBe("one");
  });

  test("is gone on with by one that only revives the service", async () => {
    await begin();
    await killedWhile("refuses", 60_000, isTried("ends 78")).catch(() => undefined); // it may have ended by itself already
    await host.call("revive", { worker: "home" });
    expect(await serving()).toBe("one");
    expect((await worker()).fallback).toBeNull();
  });

  test("and then meets a third bundle, still goes back to the one that was proven", async () => {
    await begin();
    await killedWhile("crashes", 60_000, isTried("ends 1"));
    expect((await bring("hangs", 3_000)).rolledBack).toMatchObject({ from: hashes.hangs, to: hashes.one });
    expect(await serving()).toBe("one");
  });
});

test("a dry run says what would change, and what the machine lacks, and changes nothing", async () => {
  await begin();
  const before = [await readFile(join(root, "document.json"), "utf8"), await starts()];
  const dry = (section: object | null, kind: "runtime" | "service" = "service") =>
    host.call("reconcile", { worker: "home", section: kind, desired: section as never, dryRun: true });
  expect((await dry({ ...desired("two", 20_000), bundle: `0x${"77".repeat(32)}` })).changes).toEqual([
    `change service of home: bundle ${hashes.one} → 0x${"77".repeat(32)}`,
    `bundle 0x${"77".repeat(6)}… is not here`,
  ]);
  expect((await dry(desired("one", 20_000))).changes).toEqual([]);
  expect((await dry(null)).changes).toEqual(["remove service of home"]);
  const pinned = { version: "0.14.2", sha256: "ab".repeat(32), url: "http://127.0.0.1:1/x" };
  expect((await dry({ kind: "runtime", ollama: pinned, port: 11555 }, "runtime")).changes).toEqual([
    "add runtime for home",
    "download Ollama 0.14.2",
    "start Ollama",
  ]);
  expect([await readFile(join(root, "document.json"), "utf8"), await starts()]).toEqual(before);
  expect(await readdir(root)).not.toContain("ollama");
});
