import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import { openBackup } from "../../keystore/backup.js";
import { newRecoveryKey, parseRecoveryKey, parseRecoverySecret, recoveryKeyText } from "../../keystore/recovery-key.js";
import { findSecrets, needleOf } from "../../keystore/secret-scan.js";
import type { RecordRef, WorkerRecord } from "../../keystore/store.js";
import { livedWorker, newWorker, temporaryStore } from "./fixtures.js";

const ref: RecordRef = "worker/8200/home";
const proof = { chainId: 8200, block: 99n, blockHash: `0x${"ee".repeat(32)}` as const, balance: 21n };

async function kept(record: WorkerRecord) {
  const recovery = newRecoveryKey();
  const { store } = await temporaryStore();
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

test("a record that names a recovery key has a backup from its first moment", async () => {
  const { backup, record, path } = await kept(newWorker());
  expect(await backup()).toEqual(record);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("a record that names none has none", async () => {
  const { store } = await temporaryStore();
  await store.create(ref, newWorker());
  await expect(stat(store.backupPath(ref))).rejects.toThrow("ENOENT");
});

test.each<[string, Partial<WorkerRecord>]>([
  ["generation", { generation: 7 }],
  ["epoch and holder", { epoch: 9, holder: "gpu-2" }],
  ["leaving", { leaving: false }],
  ["block of registration", { registeredAt: null }],
])("a change of its %s is in the backup", async (_, different) => {
  const { backup, change, record } = await kept(livedWorker());
  await change(different);
  expect(await backup()).toEqual({ ...record, ...different });
});

test("what was sent is not worth a new backup, unless the backup is gone", async () => {
  const { backup, change, path, record } = await kept(livedWorker());
  const before = await readFile(path, "utf8");
  await change({ sent: [] });
  expect(await readFile(path, "utf8")).toBe(before);
  await rm(path);
  await change({ sent: [] });
  expect(await backup()).toEqual({ ...record, sent: [] });
});

test("an archived record's backup says so", async () => {
  const { store, backup, record } = await kept(livedWorker());
  await store.archive(ref, proof);
  expect(await backup()).toEqual({ ...record, archived: proof });
});

test("a change whose backup cannot be written is not made", async () => {
  const { store, change, path } = await kept(livedWorker());
  await rm(path);
  await mkdir(path); // in the way
  await expect(change({ generation: 8 })).rejects.toMatchObject({ code: "LF1115" });
  const unusable = { recoveryKey: `0x${"00".repeat(32)}` as const, generation: 8 };
  await expect(change(unusable)).rejects.toMatchObject({ code: "LF1114" });
  expect((await store.read(ref, "worker")).record.generation).toBe(2);
});

test("a change that lost a race touches no backup", async () => {
  const { store, path, record } = await kept(livedWorker());
  const before = await readFile(path, "utf8");
  await expect(store.update(ref, 9, { ...record, generation: 8 })).rejects.toMatchObject({ code: "LF1105" });
  expect(await readFile(path, "utf8")).toBe(before);
});

test("the file shows no key", async () => {
  const { path, record } = await kept(livedWorker());
  const needles = [needleOf("signing", record.signingKey), needleOf("encryption", record.encryptionKey)];
  expect(findSecrets(await readFile(path), needles)).toEqual([]);
});

test("both halves of a recovery key are read back as they are written", () => {
  const { publicKey, secretKey } = newRecoveryKey();
  expect(parseRecoveryKey(recoveryKeyText(publicKey))).toEqual(publicKey);
  expect(parseRecoveryKey(Buffer.from(publicKey).toString("hex").toUpperCase())).toEqual(publicKey);
  expect(parseRecoverySecret(Buffer.from(`${Buffer.from(secretKey).toString("hex")}\n`))).toEqual(secretKey);
});

test.each([
  ["too short", "ab".repeat(31)],
  ["no hex", "xy".repeat(32)],
  ["empty", ""],
  // Points of small order (RFC 7748): every sender's shared secret with them is zero.
  ["zero", "00".repeat(32)],
  ["one", `01${"00".repeat(31)}`],
  ["of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
])("a public half that is %s is refused", (_, text) =>
  expect(() => parseRecoveryKey(text)).toThrow(expect.objectContaining({ code: "LF1114" }) as Error),
);

test("a secret half that is none is refused without being repeated", () => {
  const secret = "5e".repeat(33);
  const refused = (): unknown => {
    try {
      return parseRecoverySecret(Buffer.from(secret));
    } catch (error) {
      return error;
    }
  };
  expect(refused()).toMatchObject({ code: "LF1114", message: expect.not.stringContaining("5e5e") as string });
});
