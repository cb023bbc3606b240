import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openFileStore } from "../../keystore/file-store.js";
import type { Kdf, PassphraseSource } from "../../keystore/kdf.js";
import type { SecretStore, TreasuryRecord, WorkerRecord } from "../../keystore/store.js";
import { importTreasury } from "../../keystore/treasury.js";
import { generateWorkerRecord } from "../../keystore/worker-keys.js";
import { blockTime, type Address } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";

/** The cheapest scrypt that records allow: tests are about everything but its cost. */
export const cheapKdf: Kdf = { name: "scrypt", N: 1024, r: 8, p: 1 };

export const refundTo: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const workerRegistry: Address = "0x0000000000000000000000000000000000001002";
const devKey = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

export const newWorker = (name = "home"): WorkerRecord =>
  generateWorkerRecord({ chainId: 8200, workerRegistry, name, refundTo });

export const devTreasury = (name = "main"): TreasuryRecord =>
  importTreasury({ chainId: 8200, name }, new TextEncoder().encode(devKey));

/** A worker with every field filled in. */
export const livedWorker = (name = "home"): WorkerRecord => {
  const worker = newWorker(name);
  return {
    ...worker,
    generation: 2,
    leaving: true,
    epoch: 3,
    holder: "gpu-1",
    holderAt: { sealKey: "5e".repeat(32), reference: '{"kind":"local"}' },
    registeredAt: { number: 12n, hash: `0x${"ab".repeat(32)}`, time: blockTime(1_750_000_000n) },
    sent: [
      {
        purpose: `8200/${worker.address.toLowerCase()}/register/g2`,
        from: worker.address,
        nonce: 0,
        hash: `0x${"cd".repeat(32)}`,
        raw: "0x02",
        lane: "plain",
        outcome: "mined",
        mined: { block: 13n, fee: 2n ** 70n },
      },
    ],
  };
};

export const passphraseOf =
  (text: string): PassphraseSource =>
  async () =>
    new TextEncoder().encode(text);

/** A folder that is gone when the test is. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lf-keystore-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A store in a folder of its own. */
export async function temporaryStore(passphrase = "correct horse"): Promise<{ store: SecretStore; folder: string }> {
  const folder = join(await temporaryFolder(), "keys");
  return { store: openFileStore(folder, passphraseOf(passphrase), systemClock, cheapKdf), folder };
}
