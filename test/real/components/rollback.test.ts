import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBundleHash } from "../../../components/host/bundle.js";
import { service } from "../../../components/service/service-provider.js";
import { compiled } from "../../../system/package-root.js";
import { endingSidecar, makeFakeBundle } from "../host/fake-bundle.js";
import { model, openGround, type Ground, type Place } from "./ground.js";

/* A service's resource whose new bundle does not come up, over a real sidecar. */

let folder: string;
let ground: Ground;
let place: Place;
let bad: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-back-"));
  bad = await makeFakeBundle(join(folder, "bad"), endingSidecar(78));
  ground = await openGround();
  place = await ground.place("home");
  await place.createService();
}, 300_000);
afterAll(async () => {
  await ground.stop();
  await rm(folder, { recursive: true, force: true });
});

const inputs = (bundle: string) => ({
  ...{ worker: place.worker, bundle, models: [model], ollamaUrl: "http://127.0.0.1:9" },
  tuning: { services: { lifecycleProbeMs: 500 } },
});

describe("an update to a bundle that does not come up", () => {
  test("is one coded error with its reason, is remembered as not done, and leaves the former bundle serving", async () => {
    const good = await readBundleHash(compiled("bundle"));
    const before = await place.status();
    await place.host.put(bad);
    const state = { ...inputs(good), epoch: before.epoch, holder: "home-host", retiring: [] };
    const refused = await service.update("", state, inputs(await readBundleHash(bad))).then(
      () => expect.unreachable("it was taken"),
      (error: unknown) => error as { message: string; properties?: Record<string, unknown> },
    );
    expect(refused.message).toMatch(
      new RegExp(
        `^LF1360: Worker home serves with its former bundle ${good.slice(0, 14)}… again: .*LF1401: It cannot go on`,
      ),
    );
    expect(refused.properties).toMatchObject({ epoch: before.epoch });
    expect(await place.status()).toMatchObject({ epoch: before.epoch, mode: before.mode, bundle: before.bundle });
    expect(await place.sidecars()).not.toEqual([]);
  });

  test("is over with the next good one", async () => {
    const good = await readBundleHash(compiled("bundle"));
    const state = { ...inputs(await readBundleHash(bad)), epoch: 1, holder: "home-host", retiring: [] };
    await expect(service.update("", state, inputs(good))).resolves.toMatchObject({ outs: { bundle: good } });
    expect((await place.status()).mode).toBe("standby");
  });
});
