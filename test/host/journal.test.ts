import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readHostKey, hostPublicKey } from "../../host/host-key.js";
import { giveJournal, takeJournal } from "../../host/journal.js";
import { layoutOf, type Layout } from "../../host/layout.js";
import { openSealedForHost } from "../../keystore/sealing.js";
import type { Hash } from "../../schema/units.js";
import { openJournal } from "../../sidecar/journal/sqlite-journal.js";
import { journalName, sidecarLockName } from "../../system/control-client.js";
import { tryLock } from "../../system/lock.js";

const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const identity = { chainId: 8200, jobRegistry: "0x531b3A87c5D785441B9cF55b98169F20FD9056a7", worker: address } as const;
const hash: Hash = `0x${"ab".repeat(32)}`;

let folder: string;
let former: Layout;
let next: Layout;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-journal-"));
  [former, next] = ["former", "next"].map((name) => layoutOf(join(folder, name))) as [Layout, Layout];
  for (const layout of [former, next]) await mkdir(layout.worker("home").state, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const pathIn = (layout: Layout): string => join(layout.worker("home").state, journalName);
/** Writes a journal as a sidecar would that served under an epoch, and registered in a block. */
function served(layout: Layout, epoch: number, block: bigint): void {
  const journal = openJournal(pathIn(layout), identity);
  journal.setEpoch(epoch, 7, null);
  journal.setRegisteredAt({ number: block, hash });
  journal.close();
}
function registeredIn(layout: Layout): bigint | undefined {
  const journal = openJournal(pathIn(layout), identity);
  try {
    return journal.registeredAt()?.number;
  } finally {
    journal.close();
  }
}
async function given(epoch: number) {
  const sealKey = Buffer.from(await hostPublicKey(next)).toString("hex");
  return giveJournal(former, { root: former.root, worker: "home", address, to: { host: "next", sealKey, epoch } });
}
const take = (epoch: number, sealed: string) =>
  takeJournal(next, { root: next.root, host: "next", worker: "home", address, epoch, sealed });

describe("a journal that moves to another host", () => {
  test("is there what it was here, and stays here", async () => {
    served(former, 1, 41n);
    const { sealed, why } = await given(2);
    expect(why).toBeNull();
    expect(await take(2, sealed!)).toEqual({ changed: true });
    expect(registeredIn(next)).toBe(41n);
    expect(registeredIn(former)).toBe(41n);
  });

  test("brings along what only its write-ahead log holds, as after a power cut", async () => {
    served(former, 1, 41n);
    const journal = openJournal(pathIn(former), identity);
    journal.setRegisteredAt({ number: 42n, hash });
    const cut = join(folder, "cut");
    await cp(former.worker("home").state, cut, { recursive: true });
    journal.close();
    await rm(former.worker("home").state, { recursive: true });
    await cp(cut, former.worker("home").state, { recursive: true });
    expect(await take(2, (await given(2)).sealed!)).toEqual({ changed: true });
    expect(registeredIn(next)).toBe(42n);
  });

  test("is put in place of an older one, of a former stay", async () => {
    served(next, 1, 40n);
    served(former, 2, 41n);
    expect(await take(3, (await given(3)).sealed!)).toEqual({ changed: true });
    expect(registeredIn(next)).toBe(41n);
  });

  test("is put in place of a damaged one, whose log is not taken for its own", async () => {
    await writeFile(pathIn(next), "no journal");
    await writeFile(`${pathIn(next)}-wal`, "no log");
    served(former, 2, 41n);
    expect(await take(3, (await given(3)).sealed!)).toEqual({ changed: true });
    expect(registeredIn(next)).toBe(41n);
  });

  test("is not put in place of one that was served with after it had been brought", async () => {
    served(former, 1, 41n);
    const { sealed } = await given(2);
    await take(2, sealed!);
    served(next, 2, 50n);
    expect(await take(2, sealed!)).toEqual({ changed: false });
    expect(registeredIn(next)).toBe(50n);
  });

  test("leaves nothing beside it on either host", async () => {
    served(former, 1, 41n);
    await take(2, (await given(2)).sealed!);
    expect(await readdir(former.worker("home").folder)).toEqual(["state"]);
    expect(await readdir(next.worker("home").folder)).toEqual(["state"]);
    expect(await readdir(next.worker("home").state)).toEqual([journalName]);
  });
});

describe("no journal is given away", () => {
  test("where there is none", async () => {
    expect(await given(2)).toEqual({ sealed: null, why: "there is none" });
  });

  test("that is damaged", async () => {
    await writeFile(pathIn(former), "no journal, however long one looks at it");
    expect(await given(2)).toEqual({ sealed: null, why: "it is damaged" });
  });

  test("while a sidecar holds its folder", async () => {
    served(former, 1, 41n);
    const held = tryLock(join(former.worker("home").state, sidecarLockName))!;
    await expect(given(2)).rejects.toThrow("LF1316");
    held.release();
  });

  test("for a link that was put in its place", async () => {
    await writeFile(join(folder, "elsewhere"), "somebody else's");
    await symlink(join(folder, "elsewhere"), pathIn(former));
    expect(await given(2)).toEqual({ sealed: null, why: "there is none" });
  });
});

describe("no journal is taken", () => {
  test.each([
    ["for another epoch", { epoch: 3 }],
    ["for another worker", { address: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8" as const }],
    ["for another host", { host: "third" }],
  ])("that was sealed %s", async (_, other) => {
    served(former, 1, 41n);
    const request = { root: next.root, host: "next", worker: "home", address, epoch: 2 } as const;
    const sealed = (await given(2)).sealed!;
    await expect(takeJournal(next, { ...request, sealed, ...other })).rejects.toThrow("LF1317");
    expect(await readdir(next.worker("home").state)).toEqual([]);
  });

  test("while a sidecar holds its folder", async () => {
    served(former, 1, 41n);
    const { sealed } = await given(2);
    const held = tryLock(join(next.worker("home").state, sidecarLockName))!;
    await expect(take(2, sealed!)).rejects.toThrow("LF1316");
    held.release();
  });

  test("as a secret: what was sealed as one never opens as the other", async () => {
    served(former, 1, 41n);
    const { sealed } = await given(2);
    const key = await readHostKey(next.hostKey);
    expect(() => openSealedForHost(key, { host: "next" }, sealed!)).toThrow("LF1113");
    expect(openSealedForHost(key, { host: "next" }, sealed!, "journal").epoch).toBe(2);
  });
});
