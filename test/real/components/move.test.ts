import { existsSync } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask } from "../../../components/service/status.js";
import { journalName } from "../../../system/control-client.js";
import { until } from "../host/world.js";
import { openGround, type Ground, type Place } from "./ground.js";

/* What `playMove` shows through the engine, where something goes wrong in its middle. */

let ground: Ground;
let [former, next]: Place[] = [];
beforeAll(async () => {
  ground = await openGround();
  former = await ground.place("former");
  next = await ground.place("next");
  await former.createService();
});
afterAll(() => ground.stop());

const holder = async () => {
  const { epoch, holderAt } = await ground.record();
  return { epoch, root: (JSON.parse(holderAt!.reference) as { root: string }).root };
};
const drained = async (place: Place): Promise<void> => {
  await ask(place.host, "home", { op: "drain" });
  await until(async () => (await place.sidecars()).length === 0, "the sidecar's end");
};
/** Does something with the journal of a sidecar that is stopped. */
function inJournal<T>(place: Place, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(place.root, "workers/home/state", journalName));
  try {
    return work(database);
  } finally {
    database.close();
  }
}
const markIn = (place: Place): unknown =>
  inJournal(place, (database) => database.prepare("SELECT value FROM facts WHERE name = 'mark'").get()?.["value"]);

describe("a move that fails once the key has changed hands", () => {
  let left: { formerly: { root: string }[] };

  test("starts nobody, and the state has where the journal still is", async () => {
    await drained(former!);
    inJournal(former!, (database) => database.exec("INSERT INTO facts VALUES ('mark', 'of the former host')"));
    const [bundle = ""] = (await readdir(join(next!.root, "bundles"))).filter((name) => name.startsWith("0x"));
    const sidecar = join(next!.root, "bundles", bundle, "sidecar.js");
    await rename(sidecar, `${sidecar}.away`);
    left = await next!.updateService(former).then(
      () => expect.unreachable("it should have failed"),
      (error: unknown) => {
        const { message, properties } = error as Error & { properties: typeof left };
        expect(message).toContain("LF1306");
        return properties;
      },
    );
    await rename(`${sidecar}.away`, sidecar);
    expect(left.formerly.map(({ root }) => root)).toEqual([former!.root]);
    expect(await holder()).toEqual({ epoch: 2, root: next!.root });
    expect([await former!.sidecars(), await next!.sidecars()]).toEqual([[], []]);
  });

  test("is gone on with by the next up, with the journal, and leaves nothing of the worker behind", async () => {
    const { outs } = (await next!.continueService(left)) as { outs: { formerly: unknown[] } };
    expect(outs.formerly).toEqual([]);
    expect(await next!.status()).toMatchObject({ epoch: 2 });
    expect(existsSync(join(former!.root, "workers/home"))).toBe(false);
    await drained(next!);
    expect(markIn(next!)).toBe("of the former host");
  });
});

describe("a worker that moves away from a host that is lost", () => {
  test("waits for the operator's word, and then starts without its journal", async () => {
    former = await ground.place("again"); // nothing was left of it
    await next!.killAll();
    await rename(next!.root, `${next!.root}-lost`);
    await expect(former.updateService(next)).rejects.toThrow(/LF1504: .*LIGHTCHAIN_HOLDER_GONE=home-host#2 pulumi up/);
    expect(await former.sidecars()).toEqual([]);
    process.env["LIGHTCHAIN_HOLDER_GONE"] = "home-host#2";
    try {
      const { outs } = (await former.updateService(next)) as { outs: { formerly: unknown[] } };
      expect(outs.formerly).toEqual([]);
    } finally {
      delete process.env["LIGHTCHAIN_HOLDER_GONE"];
    }
    expect(await former.status()).toMatchObject({ epoch: 3 });
    await drained(former);
    expect(markIn(former)).toBeUndefined();
  });
});
