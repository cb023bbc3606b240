import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../keystore/canonical-json.js";
import { RecordDamaged, StoreNotWritable } from "../../keystore/errors.js";
import { openFileStore } from "../../keystore/file-store.js";
import { findSecrets, needleOf } from "../../keystore/secret-scan.js";
import type { RecordRef } from "../../keystore/store.js";
import { systemClock } from "../../system/clock.js";
import {
  cheapKdf,
  devTreasury,
  livedWorker,
  newWorker,
  passphraseOf,
  temporaryFolder,
  temporaryStore,
} from "./fixtures.js";
import { storeContract } from "./store-contract.js";

const ref: RecordRef = "worker/8200/home";
const proof = { chainId: 8200, block: 99n, blockHash: `0x${"ee".repeat(32)}` as const, balance: 21n };

storeContract(async () => {
  const { store, folder } = await temporaryStore();
  return { store, again: () => openFileStore(folder, passphraseOf("correct horse"), systemClock, cheapKdf) };
});

describe("a passphrase", () => {
  test("is not asked for to find a record missing", async () => {
    const store = openFileStore(
      join(await temporaryFolder(), "keys"),
      () => Promise.reject(new Error("asked")),
      systemClock,
    );
    expect(await store.has(ref)).toBe(false);
    await expect(store.read(ref, "worker")).rejects.toMatchObject({ code: "LF1102" });
  });

  test("is not asked for to find a record", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, newWorker());
    const blind = openFileStore(folder, () => Promise.reject(new Error("asked")), systemClock);
    expect(await blind.has(ref)).toBe(true);
  });
});

describe("the files", () => {
  test("are for their owner only", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, newWorker());
    (await store.lock(ref, 0)).release();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(folder))
      expect([name, (await stat(join(folder, name))).mode & 0o777]).toEqual([name, 0o600]);
  });

  test("never hold a key in any spelling", async () => {
    const { store, folder } = await temporaryStore();
    const worker = newWorker();
    await store.create(ref, worker);
    const needles = [needleOf("signing key", worker.signingKey), needleOf("encryption key", worker.encryptionKey)];
    for (const name of await readdir(folder))
      expect(findSecrets(await readFile(join(folder, name)), needles)).toEqual([]);
  });

  test("say in clear whose they are", async () => {
    const { store, folder } = await temporaryStore();
    const worker = newWorker();
    await store.create(ref, worker);
    expect(JSON.parse(await readFile(join(folder, "worker-8200-home.json"), "utf8"))).toMatchObject({
      version: 1,
      kind: "worker",
      address: worker.address,
      encryptionPublicKey: worker.encryptionPublicKey,
    });
  });

  test("that cannot be written are told as such", async () => {
    const file = join(await temporaryFolder(), "file");
    await writeFile(file, "in the way");
    const store = openFileStore(join(file, "keys"), passphraseOf("p"), systemClock, cheapKdf);
    const refused = await store.create(ref, newWorker()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreNotWritable);
    expect(refused).toMatchObject({ code: "LF1108", fix: expect.stringContaining("keys") as string });
  });

  test.each([
    ["the system's word", { code: "ENOSPC", errno: -28 }],
    ["SQLite's word, for a lock", { code: "ERR_SQLITE_ERROR", errcode: 13 }],
  ])("because the disk is full are told as such, by %s", (_, word) => {
    const { message } = new StoreNotWritable("/keys", Object.assign(new Error("full"), word));
    expect(message).toMatch(
      /^LF1108: The key store \/keys cannot be written to: its disk is full\. Next: df -h \/keys;/,
    );
  });
});

describe("a wrong passphrase", () => {
  test("is told apart from damage", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, newWorker());
    const other = openFileStore(folder, passphraseOf("wrong horse"), systemClock, cheapKdf);
    await expect(other.read(ref, "worker")).rejects.toMatchObject({ code: "LF1103" });
    await expect(other.update(ref, 1, newWorker())).rejects.toMatchObject({ code: "LF1103" });
  });

  test("makes no second record in the store", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, newWorker());
    const other = openFileStore(folder, passphraseOf("wrong horse"), systemClock, cheapKdf);
    await expect(other.create("treasury/8200/main", devTreasury())).rejects.toMatchObject({ code: "LF1103" });
    expect(await store.has("treasury/8200/main")).toBe(false);
  });
});

describe("damage", () => {
  test("of any byte is found", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, livedWorker());
    const path = join(folder, "worker-8200-home.json");
    const whole = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        await writeFile(path, damaged);
        await expect(store.read(ref, "worker")).rejects.toBeInstanceOf(RecordDamaged);
      }),
      { numRuns: 300 },
    );
    await writeFile(path, whole);
    expect((await store.read(ref, "worker")).version).toBe(1);
  });

  test("such as a cut-off or a longer file is found", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, newWorker());
    const path = join(folder, "worker-8200-home.json");
    const whole = await readFile(path, "utf8");
    for (const text of ["", whole.slice(0, -1), `${whole}\n`, ` ${whole}`, "[]", "null"]) {
      await writeFile(path, text);
      await expect(store.read(ref, "worker")).rejects.toBeInstanceOf(RecordDamaged);
    }
  });

  test("such as another worker's file in its place is found", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, newWorker());
    await store.create("worker/8200/other", newWorker("other"));
    await writeFile(join(folder, "worker-8200-home.json"), await readFile(join(folder, "worker-8200-other.json")));
    await expect(store.read(ref, "worker")).rejects.toBeInstanceOf(RecordDamaged);
  });

  test("on purpose, with a checksum that fits, is found: no file says in clear what its box does not", async () => {
    const { store, folder } = await temporaryStore();
    await store.create(ref, newWorker());
    const path = join(folder, "worker-8200-home.json");
    const { sum, ...content } = JSON.parse(await readFile(path, "utf8")) as Record<string, string | number>;
    const other = newWorker();
    const forge = (forged: Record<string, string | number>) => {
      const changed = { ...content, ...forged };
      return `${canonicalJson({ ...changed, sum: createHash("sha256").update(canonicalJson(changed)).digest("hex") })}\n`;
    };
    expect(forge({})).toContain(String(sum));
    for (const forged of [
      { address: other.address },
      { encryptionPublicKey: other.encryptionPublicKey },
      { revision: 2 },
    ]) {
      await writeFile(path, forge(forged));
      await expect(store.read(ref, "worker")).rejects.toThrow("its clear part was changed");
    }
  });
});

describe("an archived record whose name was given up", () => {
  test("stays beside the new one", async () => {
    const { store, folder } = await temporaryStore();
    const first = newWorker();
    await store.create(ref, first);
    await store.archive(ref, proof);
    await store.create(ref, newWorker());
    expect(await readdir(folder)).toContain(`worker-8200-home.${first.address.toLowerCase()}.archived`);
  });
});
