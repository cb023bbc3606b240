import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { networks } from "../../abi/networks.js";
import { emptyDocument, withSection, writeDocument } from "../../host/document.js";
import { hostPublicKey } from "../../host/host-key.js";
import { layoutOf, type Layout } from "../../host/layout.js";
import { keepSealed, NameTaken, JournalMissing } from "../../host/seal.js";
import { sealForHost } from "../../keystore/sealing.js";
import { serviceSectionSchema } from "../../schema/host.js";
import { addressSchema } from "../../schema/network.js";

const first = addressSchema.parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const second = addressSchema.parse("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

let root: string;
let layout: Layout;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lf-seal-"));
  layout = layoutOf(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function seal(worker: string, address = first, epoch = 1) {
  const to = { hostPublicKey: await hostPublicKey(layout), host: "here", epoch, address } as const;
  const sealed = sealForHost(to, randomBytes(64));
  return keepSealed(layout, { root, host: "here", worker, address, epoch, sealed });
}
const kept = (worker: string) => readFile(layout.worker(worker).sealed, "utf8");

describe("a worker's secret", () => {
  test("is kept once an epoch", async () => {
    expect(await seal("home")).toEqual({ epoch: 1, changed: true });
    expect(await seal("home")).toEqual({ epoch: 1, changed: false });
    expect(await seal("home", first, 2)).toEqual({ epoch: 2, changed: true });
    await expect(seal("home")).rejects.toThrow(/^LF1310: /);
  });

  test("never gives way to that of another worker with the same name, under any epoch", async () => {
    await seal("home");
    const before = await kept("home");
    for (const epoch of [1, 2]) await expect(seal("home", second, epoch)).rejects.toThrow(NameTaken);
    expect(await kept("home")).toBe(before);
    await seal("other", second);
  });

  test("is not laid where the disk with its worker's journal is to be mounted", async () => {
    await seal("home");
    const desired = serviceSectionSchema.parse({
      ...{ kind: "service", bundle: `0x${"b".repeat(64)}` },
      settings: {
        ...{ worker: "home", host: "here", address: first, network: networks.testnet, models: ["llama3-8b"] },
        ...{ stateFolder: layout.worker("home").state, inference: { ollamaUrl: "http://127.0.0.1:1" } },
      },
    });
    await writeDocument(
      layout.document,
      withSection(emptyDocument, { worker: "home", section: "service", name: undefined, desired }),
    );
    expect(await seal("home", first, 2)).toEqual({ epoch: 2, changed: true });
    await rm(layout.workers, { recursive: true });
    for (const mountPoint of [layout.workers, layout.worker("home").folder]) {
      await mkdir(mountPoint);
      await expect(seal("home", first, 2)).rejects.toThrow(JournalMissing);
      expect(existsSync(layout.worker("home").sealed)).toBe(false);
    }
    await seal("another"); // of which nothing was here before
    await mkdir(layout.worker("home").state); // the operator's word that it is gone
    expect(await seal("home", first, 3)).toEqual({ epoch: 3, changed: true });
  });
});
