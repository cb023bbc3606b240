import fc from "fast-check";
import { expect, test } from "vitest";
import { openBackup, sealBackup } from "../../keystore/backup.js";
import { newRecoveryKey } from "../../keystore/recovery-key.js";
import { BackupUnreadable } from "../../keystore/errors.js";
import { findSecrets, needleOf } from "../../keystore/secret-scan.js";
import { devTreasury, livedWorker, temporaryStore } from "./fixtures.js";

test("a backup restores the record on an empty machine", async () => {
  const recovery = newRecoveryKey();
  const here = await temporaryStore();
  const worker = livedWorker();
  await here.store.create("worker/8200/home", worker);
  const backup = await here.store.backup("worker/8200/home", recovery.publicKey);

  const there = await temporaryStore("another passphrase");
  expect(await there.store.restore(backup, recovery.secretKey)).toBe("worker/8200/home");
  expect((await there.store.read("worker/8200/home", "worker")).record).toEqual(worker);
  await expect(there.store.restore(backup, recovery.secretKey)).rejects.toMatchObject({ code: "LF1101" });
});

test("a treasury can be backed up too", () => {
  const recovery = newRecoveryKey();
  expect(openBackup(sealBackup(devTreasury(), recovery.publicKey), recovery.secretKey)).toEqual(devTreasury());
});

test("a backup with any character changed is refused", () => {
  const recovery = newRecoveryKey();
  const backup: string = sealBackup(livedWorker(), recovery.publicKey);
  const alphabet = Array.from("ABCxyz019-_=+/: ");
  fc.assert(
    fc.property(fc.nat(backup.length - 1), fc.constantFrom(...alphabet), (at, character) => {
      fc.pre(backup[at] !== character);
      const changed = backup.slice(0, at) + character + backup.slice(at + 1);
      expect(() => openBackup(changed, recovery.secretKey)).toThrow(BackupUnreadable);
    }),
    { numRuns: 400 },
  );
});

test("a backup that is cut off, padded or another text is refused", () => {
  const recovery = newRecoveryKey();
  const backup: string = sealBackup(livedWorker(), recovery.publicKey);
  for (const text of ["", "x", ":", backup.slice(0, -1), `${backup}=`, `${backup}\n`, ` ${backup}`])
    expect(() => openBackup(text, recovery.secretKey)).toThrow(BackupUnreadable);
});

test("a backup opens only with the recovery key it was made for", () => {
  const backup = sealBackup(livedWorker(), newRecoveryKey().publicKey);
  expect(() => openBackup(backup, newRecoveryKey().secretKey)).toThrow(BackupUnreadable);
});

test("a backup shows no key, and is another text each time", () => {
  const recovery = newRecoveryKey();
  const worker = livedWorker();
  const backup: string = sealBackup(worker, recovery.publicKey);
  expect(findSecrets(Buffer.from(backup), [needleOf("key", worker.signingKey)])).toEqual([]);
  expect(sealBackup(worker, recovery.publicKey)).not.toBe(backup);
});
