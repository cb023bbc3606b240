import { expect, test } from "vitest";
import { isProvenGone, takeBack } from "../../components/keys/holder.js";
import { released } from "../../keystore/hold.js";
import type { RecordRef, WorkerRecord } from "../../keystore/store.js";
import { livedWorker, temporaryStore } from "../keystore/fixtures.js";

const held = { holder: "gpu-1", epoch: 3 };
test.each<[Pick<WorkerRecord, "holder" | "epoch">, string | undefined, boolean]>([
  [{ holder: null, epoch: 3 }, undefined, true],
  [{ holder: null, epoch: 4 }, "gpu-1#3", true],
  [held, undefined, false],
  [held, "", false],
  [held, "gpu-1", false],
  [held, "gpu-1#2", false],
  [held, "gpu-1#33", false],
  [held, "gpu-2#3", false],
  [held, "#3", false],
  [held, "gpu-1#3", true],
])("a holder %o is proven gone by the word %s: %s", (record, word, proven) =>
  expect(isProvenGone(record, word)).toBe(proven),
);

const ref: RecordRef = "worker/8200/home";
async function storeWith(different: Partial<WorkerRecord> = {}) {
  const { store } = await temporaryStore();
  const record = { ...livedWorker(), leaving: false, ...different };
  await store.create(ref, record);
  return { store, record, read: () => store.read(ref, "worker") };
}

test("a key is taken back under a new epoch, and leaves for good", async () => {
  const { store, record, read } = await storeWith();
  const taken = { ...released(record), epoch: 4, leaving: true };
  expect(await takeBack(store, ref, "gpu-1#3")).toEqual(taken);
  expect((await read()).record).toEqual(taken);
});

test("a key that somebody may still sign with is left as it is", async () => {
  const { store, read } = await storeWith();
  const before = await read();
  for (const word of [undefined, "gpu-1#2", "gpu-2#3"]) expect(await takeBack(store, ref, word)).toBeUndefined();
  expect(await read()).toEqual(before);
});

test("a key that was taken back is not taken again: a second run changes nothing, whatever word it repeats", async () => {
  const { store, read } = await storeWith();
  await takeBack(store, ref, "gpu-1#3");
  const before = await read();
  expect(await takeBack(store, ref, "gpu-1#3")).toEqual(before.record);
  expect(await read()).toEqual(before);
});

test("a key that was done with, and under which something is again, is in use again", async () => {
  const archived = { chainId: 8200, block: 9n, blockHash: `0x${"ee".repeat(32)}` as const, balance: 0n };
  const { store } = await storeWith({ holder: null, leaving: true, archived });
  expect(await takeBack(store, ref, undefined)).toMatchObject({ archived: null, epoch: 3 });
});
