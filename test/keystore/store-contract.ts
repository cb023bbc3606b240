import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openBackup } from "../../keystore/backup.js";
import { newRecoveryKey, recoveryKeyText } from "../../keystore/recovery-key.js";
import { findSecrets, needleOf } from "../../keystore/secret-scan.js";
import type { RecordRef, SecretStore, WorkerRecord } from "../../keystore/store.js";
import { devTreasury, livedWorker, newWorker } from "./fixtures.js";

/** A store that is empty, and what opens the same one again, as another process would. */
export interface EmptyStore {
  readonly store: SecretStore;
  readonly again: () => SecretStore;
}

const ref: RecordRef = "worker/8200/home";
const proof = { chainId: 8200, block: 99n, blockHash: `0x${"ee".repeat(32)}` as const, balance: 21n };

/** What every kind of store promises, as tests. */
export function storeContract(emptyStore: () => Promise<EmptyStore>): void {
  describe("a record", () => {
    test("comes back exactly as it was created, from another process's view of the store too", async () => {
      const { store, again } = await emptyStore();
      const worker = livedWorker();
      expect(await store.create(ref, worker)).toEqual({ version: 1, record: worker });
      expect(await again().read(ref, "worker")).toEqual({ version: 1, record: worker });
    });

    test("of a treasury comes back too", async () => {
      const { store } = await emptyStore();
      await store.create("treasury/8200/main", devTreasury());
      expect((await store.read("treasury/8200/main", "treasury")).record).toEqual(devTreasury());
    });

    test("is read as what it is, and as nothing else", async () => {
      const { store } = await emptyStore();
      await store.create("treasury/8200/main", devTreasury());
      await expect(store.read("treasury/8200/main", "worker")).rejects.toThrow(RangeError);
    });

    test("that exists is not created again", async () => {
      const { store } = await emptyStore();
      const first = newWorker();
      await store.create(ref, first);
      await expect(store.create(ref, newWorker())).rejects.toMatchObject({ code: "LF1101" });
      expect((await store.read(ref, "worker")).record.address).toBe(first.address);
    });

    test("is created once when many ask at the same time", async () => {
      const { store, again } = await emptyStore();
      const stores = [store, again()];
      const results = await Promise.allSettled(
        Array.from({ length: 4 }, (_, index) => stores[index % 2]!.create(ref, newWorker())),
      );
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results)
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "LF1101" });
    });

    test("that does not exist is missing, for a change too", async () => {
      const { store } = await emptyStore();
      expect(await store.has(ref)).toBe(false);
      await expect(store.read(ref, "worker")).rejects.toMatchObject({ code: "LF1102" });
      await expect(store.update(ref, 1, newWorker())).rejects.toMatchObject({ code: "LF1102" });
      await expect(store.archive(ref, proof)).rejects.toMatchObject({ code: "LF1102" });
    });

    test("cannot be kept under another's name", async () => {
      const { store } = await emptyStore();
      await expect(store.create("worker/8200/other", newWorker())).rejects.toThrow(RangeError);
      await expect(store.create("worker/8200/../x", newWorker("../x"))).rejects.toThrow(RangeError);
    });

    test("whose text is not in its canonical form is refused before it is written", async () => {
      const { store } = await emptyStore();
      const shouting = { ...newWorker(), encryptionPublicKey: `0x${"AB".repeat(65)}` as const };
      await expect(store.create(ref, shouting)).rejects.toThrow("canonical");
      expect(await store.has(ref)).toBe(false);
    });

    test("keeps the fields that only a newer version knows, through a change too", async () => {
      const { store } = await emptyStore();
      const newer = { ...newWorker(), ofTomorrow: { kept: true } };
      await store.create(ref, newer);
      const { version, record } = await store.read(ref, "worker");
      await store.update(ref, version, { ...record, epoch: 1 });
      expect((await store.read(ref, "worker")).record).toEqual({ ...newer, epoch: 1 });
    });
  });

  describe("an update", () => {
    test("counts the version and is refused when somebody else was first", async () => {
      const { store } = await emptyStore();
      const worker = newWorker();
      await store.create(ref, worker);
      expect((await store.update(ref, 1, { ...worker, epoch: 1 })).version).toBe(2);
      await expect(store.update(ref, 1, { ...worker, epoch: 9 })).rejects.toMatchObject({
        code: "LF1105",
        expected: 1,
        found: 2,
      });
      expect((await store.read(ref, "worker")).record.epoch).toBe(1);
    });

    test("wins exactly once among many at the same time, through one store or several", async () => {
      const { store, again } = await emptyStore();
      const worker = newWorker();
      await store.create(ref, worker);
      const stores = [store, again()];
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, (_, index) => stores[index % 2]!.update(ref, 1, { ...worker, epoch: index + 1 })),
      );
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const result of results)
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "LF1105" });
      expect((await store.read(ref, "worker")).version).toBe(2);
    });

    test("goes on while somebody holds the record for longer work", async () => {
      const { store } = await emptyStore();
      const worker = newWorker();
      await store.create(ref, worker);
      const lease = await store.lock(ref, 0);
      await store.update(ref, 1, { ...worker, epoch: 1 });
      lease.release();
    });
  });

  describe("a lock", () => {
    test("is had by one at a time, and says so after the wait", async () => {
      const { store, again } = await emptyStore();
      const held = await store.lock(ref, 0);
      await expect(again().lock(ref, 120)).rejects.toMatchObject({ code: "LF1106" });
      held.release();
      (await store.lock(ref, 0)).release();
    });
  });

  describe("a turn", () => {
    test("is had by one at a time, and leaves the record free to be changed and locked within it", async () => {
      const { store, again } = await emptyStore();
      const turn = await store.turn(ref, 0);
      await expect(again().turn(ref, 120)).rejects.toMatchObject({ code: "LF1106" });
      await store.create(ref, newWorker());
      (await store.lock(ref, 0)).release();
      turn.release();
      (await store.turn(ref, 0)).release();
    });
  });

  describe("an archived record", () => {
    test("keeps its keys and says why it was archived", async () => {
      const { store } = await emptyStore();
      const worker = newWorker();
      await store.create(ref, worker);
      await store.archive(ref, proof);
      expect(await store.has(ref)).toBe(true);
      const { record } = await store.read(ref, "worker");
      expect(record).toEqual({ ...worker, archived: proof } satisfies WorkerRecord);
    });

    test("gives up its name to a new one, whose versions begin anew", async () => {
      const { store } = await emptyStore();
      const second = newWorker();
      await store.create(ref, newWorker());
      await store.archive(ref, proof);
      expect((await store.create(ref, second)).version).toBe(1);
      expect(await store.read(ref, "worker")).toEqual({ version: 1, record: second });
      expect((await store.update(ref, 1, { ...second, epoch: 1 })).version).toBe(2);
    });

    test("needs a proof of its own chain", async () => {
      const { store } = await emptyStore();
      await store.create(ref, newWorker());
      await expect(store.archive(ref, { ...proof, chainId: 9200 })).rejects.toThrow(RangeError);
    });
  });

  describe("the backup that a store keeps by itself", () => {
    async function kept(record: WorkerRecord) {
      const recovery = newRecoveryKey();
      const { store } = await emptyStore();
      const recoveryKey = recoveryKeyText(recovery.publicKey);
      await store.create(ref, { ...record, recoveryKey });
      const path = store.backupPath(ref);
      const backup = async () => openBackup((await readFile(path, "utf8")).trim(), recovery.secretKey);
      const change = async (different: Partial<WorkerRecord>): Promise<void> => {
        const found = await store.read(ref, "worker");
        await store.update(ref, found.version, { ...found.record, ...different });
      };
      return { store, path, backup, change, record: { ...record, recoveryKey } };
    }

    test("is there from a record's first moment, when the record names a recovery key", async () => {
      const { backup, record, path } = await kept(newWorker());
      expect(await backup()).toEqual(record);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    });

    test("is not there when the record names none", async () => {
      const { store } = await emptyStore();
      await store.create(ref, newWorker());
      await expect(stat(store.backupPath(ref))).rejects.toThrow("ENOENT");
    });

    test.each<[string, Partial<WorkerRecord>]>([
      ["generation", { generation: 7 }],
      ["epoch and holder", { epoch: 9, holder: "gpu-2" }],
      ["leaving", { leaving: false }],
      ["block of registration", { registeredAt: null }],
    ])("knows of a change of the %s", async (_, different) => {
      const { backup, change, record } = await kept(livedWorker());
      await change(different);
      expect(await backup()).toEqual({ ...record, ...different });
    });

    test("is not written for what was sent, unless it is gone", async () => {
      const { backup, change, path, record } = await kept(livedWorker());
      const before = await readFile(path, "utf8");
      await change({ sent: [] });
      expect(await readFile(path, "utf8")).toBe(before);
      await rm(path);
      await change({ sent: [] });
      expect(await backup()).toEqual({ ...record, sent: [] });
    });

    test("says of an archived record that it is", async () => {
      const { store, backup, record } = await kept(livedWorker());
      await store.archive(ref, proof);
      expect(await backup()).toEqual({ ...record, archived: proof });
    });

    test("prevents a change when it cannot be written", async () => {
      const { store, change, path } = await kept(livedWorker());
      await rm(path);
      await mkdir(path); // in the way
      await expect(change({ generation: 8 })).rejects.toMatchObject({ code: "LF1115" });
      const unusable = { recoveryKey: `0x${"00".repeat(32)}` as const, generation: 8 };
      await expect(change(unusable)).rejects.toMatchObject({ code: "LF1114" });
      expect((await store.read(ref, "worker")).record.generation).toBe(2);
    });

    test("is not touched by a change that lost a race", async () => {
      const { store, path, record } = await kept(livedWorker());
      const before = await readFile(path, "utf8");
      await expect(store.update(ref, 9, { ...record, generation: 8 })).rejects.toMatchObject({ code: "LF1105" });
      expect(await readFile(path, "utf8")).toBe(before);
    });

    test("shows no key", async () => {
      const { path, record } = await kept(livedWorker());
      const needles = [needleOf("signing", record.signingKey), needleOf("encryption", record.encryptionKey)];
      expect(findSecrets(await readFile(path), needles)).toEqual([]);
    });
  });

  describe("a backup", () => {
    test("of a record is restored into another store, once", async () => {
      const [from, to] = [await emptyStore(), await emptyStore()];
      const { publicKey, secretKey } = newRecoveryKey();
      const worker = livedWorker();
      await from.store.create(ref, worker);
      const backup = await from.store.backup(ref, publicKey);
      expect(await to.store.restore(backup, secretKey)).toBe(ref);
      expect(await to.store.read(ref, "worker")).toEqual({ version: 1, record: worker });
      await expect(to.store.restore(backup, secretKey)).rejects.toMatchObject({ code: "LF1101" });
    });
  });
}
