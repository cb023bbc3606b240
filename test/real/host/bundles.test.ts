import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { host as hostResource } from "../../../components/host/host-provider.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { settingsSchema } from "../../../schema/settings.js";
import { freePort } from "../../../system/net.js";
import { writeManifest } from "../hosts/small-bundle.js";
import { tool } from "../toolchain.js";
import { makeFakeBundle, patientSidecar } from "./fake-bundle.js";
import { makeHost, type HostWorld } from "./world.js";

const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

let bundles: string;
let one: string;
let two: string;
let lame: string;
beforeAll(async () => {
  bundles = await mkdtemp(join(tmpdir(), "lf-bundles-"));
  one = await makeFakeBundle(join(bundles, "one"), `${patientSidecar}// one`);
  two = await makeFakeBundle(join(bundles, "two"), `${patientSidecar}// two`);
  lame = await makeFakeBundle(join(bundles, "lame"));
  await writeFile(join(lame, "host.js"), "throw new Error('it does not start');\n");
  await writeManifest(lame);
});
afterAll(() => rm(bundles, { recursive: true, force: true }));

let world: HostWorld;
beforeEach(async () => {
  world = await makeHost(one);
});
afterEach(() => world.end());

const place = async (bundle: string): Promise<string> => join(world.root, "bundles", await readBundleHash(bundle));
const isThere = async (bundle: string): Promise<boolean> => existsSync(join(await place(bundle), "manifest.json"));
const twoHoursOld = async (bundle: string): Promise<void> => {
  const then = new Date(Date.now() - 7_200_000);
  await utimes(await place(bundle), then, then);
};
async function seal(worker: string): Promise<void> {
  const { sealKey } = await world.host.call("facts", {});
  const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch: 1, address } as const;
  await world.host.call("seal", { worker, address, epoch: 1, sealed: sealForHost(to, randomBytes(64)) });
}
const serve = async (worker: string, bundle: string) =>
  world.host.call("reconcile", {
    worker,
    section: "service",
    desired: {
      ...{ kind: "service", bundle: await readBundleHash(bundle) },
      settings: settingsSchema.parse({
        ...{ worker, host: "here", address, network: networks.testnet, models: ["llama3-8b"] },
        stateFolder: join(world.root, "workers", worker, "state"),
        inference: { ollamaUrl: "http://127.0.0.1:1" },
      }),
    },
  });

describe("with two stacks of different versions on one machine", () => {
  test("a bundle that one of them has put, and not named yet, is still there when it does, whatever the other one does meanwhile", async () => {
    await seal("a");
    await seal("b");
    await world.host.put(two);
    expect((await serve("b", two)).changes).toEqual(["started worker b"]);
    expect((await serve("a", one)).changes).toEqual(["started worker a"]);
  });

  test("one that was tidied away before it was named is seen to be missing by its host's resource, which brings it again", async () => {
    await seal("b");
    const wanted = {
      ...{ kind: "local", name: "here", root: world.root, ollama: await tool("ollama"), ollamaPort: await freePort() },
      ...{ contextLength: 0, bundle: one, wantedBundle: await readBundleHash(one), gpu: "none", strangers: "keep" },
      ...{ models: [], endpoints: [] },
    };
    const { id, outs } = (await hostResource.create(wanted)) as { id: string; outs: unknown };
    const drifts = async () => (await hostResource.diff(id, outs, wanted)).changes;
    expect(await drifts()).toBe(false);
    await world.host.put(two);
    await twoHoursOld(one);
    expect((await serve("b", two)).changes).toContain(`removed bundle ${(await readBundleHash(one)).slice(0, 14)}…`);
    expect(await isThere(one)).toBe(false);
    expect(await drifts()).toBe(true);
    await hostResource.update(id, outs, wanted);
    expect(await isThere(one)).toBe(true);
    expect(await drifts()).toBe(false);
  });

  test("one that was put long ago is not taken for old once it has been put again", async () => {
    await seal("a");
    await seal("b");
    await world.host.put(two);
    await twoHoursOld(one);
    await world.host.put(one);
    await world.host.put(two);
    await serve("b", two);
    expect((await readdir(join(world.root, "bundles"))).length).toBe(2);
    await serve("a", one);
  });
});

describe("a bundle whose host program does not start", () => {
  test("is refused in one line, and the former one answers again as soon as that is put", async () => {
    await seal("a");
    await serve("a", one);
    await world.host.put(lame);
    await expect(world.host.call("facts", {})).rejects.toThrow(/^LF1522: /);
    await world.host.put(one);
    await expect(world.host.call("facts", {})).resolves.toMatchObject({ host: "here" });
    expect((await serve("a", one)).changes).toEqual([]);
  });

  test("is gone back from by an up with the former program, through the host's resource", async () => {
    const inputs = async (bundle: string) => ({
      ...{ kind: "local", name: "here", root: world.root, ollama: await tool("ollama"), ollamaPort: port },
      ...{ contextLength: 0, bundle, wantedBundle: await readBundleHash(bundle), gpu: "none", strangers: "keep" },
      ...{ models: [], endpoints: [] },
    });
    const port = await freePort();
    const { id, outs } = (await hostResource.create(await inputs(one))) as { id: string; outs: unknown };
    const failed = await hostResource.update(id, outs, await inputs(lame)).then(
      () => expect.unreachable("it starts"),
      (error: unknown) => error as { message: string; properties: Record<string, unknown> },
    );
    expect(failed.message).toMatch(/^LF1522: /);
    expect((await hostResource.diff(id, failed.properties, await inputs(one))).changes).toBe(true);
    await hostResource.update(id, failed.properties, await inputs(one));
    await expect(world.host.call("facts", {})).resolves.toMatchObject({ host: "here" });
  });
});
