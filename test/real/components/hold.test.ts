import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ask } from "../../../components/service/status.js";
import { askSupervisor } from "../../../host/supervisor/protocol.js";
import { until } from "../host/world.js";
import { openGround, type Ground, type Place } from "./ground.js";

let ground: Ground;
let [first, second]: Place[] = [];
beforeAll(async () => {
  ground = await openGround();
  first = await ground.place("first");
  second = await ground.place("second");
});
afterAll(() => ground.stop());
afterEach(() => {
  delete process.env["LIGHTCHAIN_HOLDER_GONE"];
  delete process.env["LIGHTCHAIN_SKIP_DEREGISTER"];
});

const told = (holder: string): void => void (process.env["LIGHTCHAIN_HOLDER_GONE"] = holder);
const holder = async () => {
  const { epoch, holderAt } = await ground.record();
  return { epoch, root: holderAt === undefined ? null : (JSON.parse(holderAt.reference) as { root: string }).root };
};
const drained = async (place: Place): Promise<void> => {
  await ask(place.host, "home", { op: "drain" });
  await until(async () => (await place.sidecars()).length === 0, "the sidecar's end");
};

describe("two stacks with one key store", () => {
  test("the second is refused while the first one's sidecar lives, although both hosts have one name", async () => {
    await first!.createService();
    expect(await holder()).toEqual({ epoch: 1, root: first!.root });
    await expect(second!.createService()).rejects.toThrow(
      /LF1504: .*home-host \(epoch 1\).*its service is running.*LIGHTCHAIN_HOLDER_GONE=home-host#1 pulumi up/,
    );
    expect(await second!.sidecars()).toEqual([]);
  });

  test("and still when its supervisor is gone and knows nothing of it any more: a real sidecar holds its state folder", async () => {
    const [sidecar] = await first!.sidecars();
    process.kill(sidecar!, "SIGSTOP"); // nobody is to restart it meanwhile
    const supervisor = (await first!.host.call("proofOfDeath", { worker: "home" })).how;
    expect(supervisor).toBe("its service is running");
    await rm(join(first!.root, "supervisor/units/worker-home.json"));
    await killSupervisor(first!);
    expect(await first!.host.call("proofOfDeath", { worker: "home" })).toMatchObject({
      dead: false,
      how: "a process still holds its state folder",
    });
    await expect(second!.createService()).rejects.toThrow(/LF1504: .*a process still holds its state folder/);
    process.kill(sidecar!, "SIGKILL");
  });

  test("the second takes over by itself once the first is proven stopped, and nothing starts the first again", async () => {
    await until(async () => (await first!.sidecars()).length === 0, "the first one's end");
    await second!.createService();
    expect(await holder()).toEqual({ epoch: 2, root: second!.root });
    expect(await second!.status()).toMatchObject({ epoch: 2, mode: "standby" });
    expect(
      (await first!.host.call("revive", { worker: "home" }).catch((error: unknown) => String(error))) as string,
    ).toMatch(/LF1309/);
    expect(await first!.sidecars()).toEqual([]);
    await expect(first!.updateService()).rejects.toThrow(/LF1504: .*home-host \(epoch 2\)/);
  });

  test("a move that fails leaves the old host serving", async () => {
    const nowhere = await ground.place("nowhere");
    await rm(join(nowhere.root, "bundles"), { recursive: true });
    await expect(nowhere.updateService(second)).rejects.toThrow(/LF1520/);
    expect(await holder()).toEqual({ epoch: 2, root: second!.root });
    await until(
      () =>
        second!.status().then(
          () => true,
          () => false,
        ),
      "the old one's sidecar",
    );
    expect(await second!.status()).toMatchObject({ epoch: 2 });
  });

  test("a stack that moves its host lets the old one finish, and takes the service off it", async () => {
    await first!.updateService(second);
    expect(await holder()).toEqual({ epoch: 3, root: first!.root });
    expect(await first!.status()).toMatchObject({ epoch: 3 });
    expect(await second!.sidecars()).toEqual([]);
  });
});

describe("a host's folder that was copied, with its key and the sealed secret", () => {
  test("starts nothing there, disturbs nothing here, and says why", async () => {
    const [sidecar] = await first!.sidecars();
    const copy = await ground.copyOf(first!, "copy");
    await expect(copy.createService()).rejects.toThrow(/LF1313: .*is a copy of a key that was made at/);
    await expect(copy.host.call("revive", { worker: "home" })).rejects.toThrow(/LF1313/);
    expect(await first!.sidecars()).toEqual([sidecar]);
    expect(await copy.sidecars()).toEqual([]);
  });
});

describe("a worker's host whose folder is gone", () => {
  test("keeps the key until the operator says that it is gone, in so many words", async () => {
    second = await ground.place("again"); // nothing was left of it
    await first!.killAll();
    await rename(first!.root, `${first!.root}-lost`);
    process.env["LIGHTCHAIN_SKIP_DEREGISTER"] = "1";
    await first!.destroyService(); // gives up a stack, and frees no key that it has not seen stopped
    delete process.env["LIGHTCHAIN_SKIP_DEREGISTER"];
    expect(await holder()).toEqual({ epoch: 3, root: first!.root });
    await expect(second.createService()).rejects.toThrow(
      /LF1504: .*is not there any more.*LIGHTCHAIN_HOLDER_GONE=home-host#3 pulumi up/,
    );
    const fresh = await ground.place("first"); // a new host in its place knows nothing of it
    await expect(second.createService()).rejects.toThrow(/LF1504: .*another host is at .*first now/);
    await expect(fresh.createService()).rejects.toThrow(/LF1504: .*another host is at .*first now/);
    told("home-host#2");
    await expect(second.createService()).rejects.toThrow(/LF1504/);
    told("home-host#3");
    await second.createService();
    expect(await holder()).toEqual({ epoch: 4, root: second.root });
  });
});

describe("a registered worker whose destroy finds", () => {
  test("a dead sidecar on a living host: it is started again, and leaves once its old journal is vouched for", async () => {
    await drained(second!);
    await ground.register(); // with the key itself, so that its journal does not know of it: as after a restored disk
    await expect(second!.destroyRegistration()).rejects.toThrow(
      /LF1412: .*LIGHTCHAIN_HOLDER_GONE=home-host#4 .*pulumi destroy/,
    );
    expect(await second!.status()).toMatchObject({ mode: "standby", epoch: 4, registered: true });
    expect(await second!.wouldChangeService()).toBe(false);
    told("home-host#4");
    expect(await second!.wouldChangeService()).toBe(true); // so that an up gives it the new epoch that LF1412 speaks of
    await second!.destroyRegistration();
    expect(await ground.isRegistered()).toBe(false);
    expect(await second!.status()).toMatchObject({ mode: "gone", epoch: 5 });
    await second!.destroyService();
    expect(await holder()).toEqual({ epoch: 5, root: null });
  });

  test("its registration out of the state: the service's own destroy has it leave first", async () => {
    second = await ground.place("half");
    await second.createService();
    expect(await second.wouldChangeService()).toBe(false);
    await ground.register();
    const { epoch } = await holder();
    told(`home-host#${epoch}`);
    await second.destroyService();
    expect(await ground.isRegistered()).toBe(false);
    expect(await holder()).toEqual({ epoch: epoch + 1, root: null });
  });

  test("one that stays down: it is proven dead, and the provider leaves with the key itself", async () => {
    second = await ground.place("third");
    await second.createService();
    await drained(second);
    await ground.register();
    const before = await ground.refunded();
    await writeFile(
      join(second.root, "workers/home/state/journal.sqlite"),
      "this is no database, however long one looks at it",
    );
    await second.destroyRegistration();
    expect(await ground.isRegistered()).toBe(false);
    expect(await ground.refunded()).toBeGreaterThan(before + 5_000n * 10n ** 18n);
    expect(await holder()).toEqual({ epoch: 9, root: null });
    await second.destroyService();
  });

  test("a machine that is gone: it is refused until the operator says so, and then the provider leaves", async () => {
    second = await ground.place("fourth");
    await second.createService();
    await ground.register();
    await second.killAll();
    await rm(second.root, { recursive: true });
    await expect(second.destroyRegistration()).rejects.toThrow(
      /LF1504: .*is not there any more.*LIGHTCHAIN_HOLDER_GONE=home-host#10 pulumi destroy/,
    );
    expect(await ground.isRegistered()).toBe(true);
    expect((await ground.record()).leaving).toBe(false);
    told("home-host#10");
    await second.destroyRegistration();
    expect(await ground.isRegistered()).toBe(false);
    await second.destroyService();
    expect(await holder()).toEqual({ epoch: 11, root: null });
  });
});

async function killSupervisor(place: Place): Promise<void> {
  const { pid } = await askSupervisor(join(place.root, "supervisor/control.sock"), { op: "status", name: "any" });
  process.kill(pid, "SIGKILL");
  await until(async () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  }, "the supervisor's end");
}
