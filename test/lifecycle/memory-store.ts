import { RecordLocked, VersionConflict } from "../../keystore/errors.js";
import type { RecordRef, SecretRecord, SecretStore } from "../../keystore/store.js";
import type { Clock } from "../../system/clock.js";

/** A store of one record in memory, with real versions and locks. `before` runs ahead of every access, and may throw. */
export function memoryStore(ref: RecordRef, first: SecretRecord, clock: Clock, before: () => void): SecretStore {
  let current = { version: 1, record: first };
  let isLocked = false;
  const copy = (record: SecretRecord): SecretRecord =>
    record.kind === "worker"
      ? { ...record, signingKey: record.signingKey.slice(), encryptionKey: record.encryptionKey.slice() }
      : { ...record, signingKey: record.signingKey.slice() };
  const refused = () => Promise.reject(new Error("not here"));
  return {
    url: "memory:",
    backupPath: () => "memory:",
    create: refused,
    archive: refused,
    backup: refused,
    kept: refused,
    restore: refused,
    turn: refused,
    has: async () => true,
    read: async () => {
      before();
      return { version: current.version, record: copy(current.record) } as never;
    },
    update: async (_, expected, record) => {
      before();
      if (current.version !== expected) throw new VersionConflict(ref, expected, current.version);
      current = { version: expected + 1, record: copy(record) };
      return { version: current.version, record };
    },
    lock: async (_, waitMs) => {
      const end = clock.now() + waitMs;
      while (isLocked) {
        if (clock.now() >= end) throw new RecordLocked(ref, "memory:", waitMs);
        await clock.sleep(50);
      }
      isLocked = true;
      return { release: () => (isLocked = false) };
    },
  };
}
