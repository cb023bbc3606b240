import { sidecarsToVersionedHashes } from "viem";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Hex } from "../../../../schema/units.js";
import { constantBlob, constantBlobKzg } from "./constant-blobs.js";
import { NEVER, newFolder, startTestChain, type TestChain } from "./harness.js";

describe("a blob on the chain", () => {
  let chain: TestChain;
  beforeAll(async () => (chain = await startTestChain({ blockIntervalMs: NEVER })));
  afterEach(() => void chain.faults.clear());
  afterAll(() => chain.stop());

  test("is found from the block of its transaction by the parent's beacon root", async () => {
    const receipt = await chain.receipt(await chain.sendBlob(chain.accounts[0], { k: 1 }));
    expect(receipt.status).toBe("success");
    expect(await findBlob(chain, receipt.blockNumber, hashOf(1))).toBe(constantBlob(1));
  });

  test("is found from a block up to a hundred later", async () => {
    await chain.receipt(await chain.sendBlob(chain.accounts[0], { k: 2 }));
    const later = await chain.driver.mine(90);
    expect(await findBlob(chain, BigInt(later.number), hashOf(2))).toBe(constantBlob(2));
  });

  test("is found across missed slots, with the list of headers and without", async () => {
    await chain.driver.mine();
    const parent = chain.driver.head().slot.header.slot;
    chain.driver.missSlots(5);
    const { blockNumber } = await chain.receipt(await chain.sendBlob(chain.accounts[0], { k: 3 }));
    expect(chain.driver.head().slot.header.slot).toBe(parent + 6);
    expect((await fetch(`${chain.beaconUrl}/eth/v1/beacon/headers/${parent + 1}`)).status).toBe(404);
    expect(await findBlob(chain, blockNumber, hashOf(3))).toBe(constantBlob(3));
    chain.faults.add({ part: "beacon", kind: "status", match: { path: "/eth/v1/beacon/headers" }, times: 1 });
    expect(await findBlob(chain, blockNumber, hashOf(3))).toBe(constantBlob(3));
    expect(chain.faults.list()).toEqual([]);
  });

  test("is found after a jump in time", async () => {
    await chain.driver.advance(86_400);
    const { blockNumber } = await chain.receipt(await chain.sendBlob(chain.accounts[0], { k: 4 }));
    await chain.driver.advance(86_400);
    expect(await findBlob(chain, blockNumber + 1n, hashOf(4))).toBe(constantBlob(4));
  });

  test("is not found under a hash that no blob has", async () =>
    expect(await findBlob(chain, BigInt(chain.driver.head().number), `0x01${"00".repeat(31)}`)).toBeUndefined());

  test("leaves every block's header pointing to the beacon block before it", async () => {
    const block = await chain.client.getBlock();
    const parent = await chain.client.getBlock({ blockNumber: block.number - 1n });
    const before = await getJson(chain, `/eth/v1/beacon/headers/${block.parentBeaconBlockRoot!}`);
    const grandparent = (before as { data: { header: { message: { parent_root: string } } } }).data.header.message
      .parent_root;
    expect(grandparent).toBe(parent.parentBeaconBlockRoot);
  });
});

test("a blob is still served after the chain was stopped and started again", async () => {
  const dir = await newFolder();
  const first = await startTestChain({ dir, blockIntervalMs: NEVER });
  const { blockNumber } = await first.receipt(await first.sendBlob(first.accounts[0], { k: 5 }));
  await first.driver.mine(3);
  await first.pause();
  const second = await startTestChain({ dir, blockIntervalMs: NEVER }, first.accounts);
  expect(await findBlob(second, blockNumber, hashOf(5))).toBe(constantBlob(5));
  await second.stop();
});

/** Sidecar reference §4.2, step by step. */
async function findBlob(chain: TestChain, from: bigint, versionedHash: Hex): Promise<Hex | undefined> {
  for (let number = from; number >= 0n && number >= from - 100n; number--) {
    const { parentBeaconBlockRoot } = await chain.client.getBlock({ blockNumber: number });
    if (parentBeaconBlockRoot === undefined) throw new Error("a block without a beacon root");
    const slot = await slotAfter(chain, parentBeaconBlockRoot);
    if (slot === undefined) continue;
    const sidecars = (await getJson(chain, `/eth/v1/beacon/blob_sidecars/${slot}`)) as
      { data: { blob: Hex; kzg_commitment: Hex }[] } | undefined;
    const match = sidecars?.data.find(
      ({ blob, kzg_commitment: commitment }) =>
        sidecarsToVersionedHashes({ sidecars: [{ blob, commitment, proof: "0x" }] })[0] === versionedHash,
    );
    if (match) return match.blob;
  }
  return undefined;
}

interface HeaderAnswer {
  header: { message: { slot: string } };
}

async function slotAfter(chain: TestChain, root: Hex): Promise<number | undefined> {
  const children = (await getJson(chain, `/eth/v1/beacon/headers?parent_root=${root}`)) as
    { data: HeaderAnswer[] } | undefined;
  const child = children?.data[0];
  if (child) return Number(child.header.message.slot);
  const parent = (await getJson(chain, `/eth/v1/beacon/headers/${root}`)) as { data: HeaderAnswer } | undefined;
  if (!parent) return undefined;
  const parentSlot = Number(parent.data.header.message.slot);
  for (let slot = parentSlot + 1; slot <= parentSlot + 32; slot++)
    if (await getJson(chain, `/eth/v1/beacon/headers/${slot}`)) return slot;
  return undefined;
}

async function getJson(chain: TestChain, path: string): Promise<unknown> {
  const answer = await fetch(chain.beaconUrl + path);
  return answer.ok ? answer.json() : undefined;
}

const hashOf = (k: number): Hex => {
  const blob = constantBlob(k);
  const commitment: Hex = `0x${Buffer.from(constantBlobKzg.blobToKzgCommitment(Buffer.from(blob.slice(2), "hex"))).toString("hex")}`;
  return sidecarsToVersionedHashes({ sidecars: [{ blob, commitment, proof: "0x" }] })[0]!;
};
