import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forkAt } from "../../../../devnet/chain/genesis.js";
import { keptGenesis } from "../../../../devnet/chain/chain.js";
import { proofsAskedFor, type BlobSidecar, type ProofKind } from "../../../../protocol/blob-transaction.js";
import { versionedHash } from "../../../../protocol/blob.js";
import type { Hash, Hex } from "../../../../schema/units.js";
import { constantBlob, constantBlobKzg, constantProofs } from "./constant-blobs.js";
import { gwei, NEVER, startTestChain, until, type TestChain } from "./harness.js";

/** Seconds of the chain's time from its first block to Osaka's. */
const osakaAfter = 3_600;

describe("a chain that comes to Osaka", () => {
  let chain: TestChain;
  beforeAll(async () => {
    chain = await startTestChain({ blockIntervalMs: NEVER, osakaAfter });
    await chain.driver.hold();
  });
  afterAll(() => chain.stop());

  const rules = async () => proofsAskedFor(await chain.client.request({ method: "eth_config" } as never));
  const mined = async (hash: Hash) => {
    await chain.driver.mine();
    return chain.receipt(hash);
  };
  const blobs = async (route: string, block: bigint, query = "") => {
    const { parentBeaconBlockRoot } = await chain.client.getBlock({ blockNumber: block });
    const headers = await get(`headers?parent_root=${parentBeaconBlockRoot!}`);
    const [header] = headers.data as { header: { message: { slot: string } } }[];
    return get(`${route}/${header!.header.message.slot}${query}`);
  };
  const get = async (path: string) => {
    const answer = await fetch(`${chain.beaconUrl}/eth/v1/beacon/${path}`);
    return { status: answer.status, data: ((await answer.json()) as { data: unknown }).data };
  };
  /** Sent before the fork, still in the pool at it. */
  let pooled: Hash;

  test("takes blob proofs and refuses cell proofs before", async () => {
    expect(await rules()).toBe("blob");
    await expect(chain.sendWrapped(chain.accounts[0], wrapped(1, "cells"))).rejects.toThrow("want: 0, got: 1");
    const { blockNumber } = await mined(await chain.sendWrapped(chain.accounts[0], wrapped(1, "blob")));
    expect((await blobs("blob_sidecars", blockNumber)).data).toMatchObject([{ blob: constantBlob(1) }]);
    expect((await blobs("blobs", blockNumber)).status).toBe(404);
  });

  test("changes its rules with the first block of that time", async () => {
    const { timestamp } = await chain.client.getBlock({ blockNumber: 0n });
    await chain.driver.advance(Number(timestamp) + osakaAfter - Number(chain.driver.now()) - 60);
    expect([chain.driver.head().slot.fork, await rules()]).toEqual(["prague", "blob"]);
    pooled = await chain.sendWrapped(chain.accounts[2], wrapped(3, "blob"));
    await chain.driver.advance(60);
    expect([chain.driver.head().slot.fork, await rules()]).toEqual(["osaka", "cells"]);
    expect(chain.errors).toEqual([]);
  });

  test("leaves what its pool took before where it is, until it is replaced", async () => {
    await chain.driver.mine(2);
    expect(await chain.isMined(pooled)).toBe(false);
    const again = chain.sendWrapped(chain.accounts[2], wrapped(3, "cells"), { nonce: 0 });
    await expect(again).rejects.toThrow("already known");
    const dearer = { maxFeePerGas: gwei(200), maxPriorityFeePerGas: gwei(2), maxFeePerBlobGas: gwei(2), nonce: 0 };
    const { status } = await mined(await chain.sendWrapped(chain.accounts[2], wrapped(3, "cells"), dearer));
    expect(status).toBe("success");
  });

  test("takes cell proofs then, and its beacon node serves blobs by the newer route only", async () => {
    const { blockNumber } = await mined(await chain.sendWrapped(chain.accounts[0], wrapped(4, "cells")));
    expect((await blobs("blobs", blockNumber)).data).toEqual([constantBlob(4)]);
    expect((await blobs("blobs", blockNumber, `?versioned_hashes=${nameOf(4)}`)).data).toEqual([constantBlob(4)]);
    expect((await blobs("blobs", blockNumber, `?versioned_hashes=${nameOf(5)}`)).data).toEqual([]);
    expect((await blobs("blob_sidecars", blockNumber)).status).toBe(400);
  });

  test("builds Osaka's blocks with transactions withheld too", async () => {
    chain.faults.add({ part: "chain", kind: "withhold", match: { type: "blob" } });
    const withheld = await chain.sendWrapped(chain.accounts[0], wrapped(5, "cells"));
    await chain.driver.mine();
    expect(await chain.isMined(withheld)).toBe(false);
    chain.faults.clear();
    await chain.driver.mine();
    await until(() => chain.isMined(withheld));
    expect(chain.errors).toEqual([]);
  });

  test("keeps its forks with its folder, and is not started with others (LF1039)", async () => {
    await chain.pause();
    for (const other of [null, 0, 7_200])
      await expect(keptGenesis(chain.dir, other)).rejects.toMatchObject({ code: "LF1039" });
    await expect(startTestChain({ dir: chain.dir, osakaAfter: 0 })).rejects.toMatchObject({ code: "LF1039" });
    const genesis = await keptGenesis(chain.dir, osakaAfter);
    const begin = Number(genesis!.timestamp);
    expect([begin, begin + osakaAfter - 1, begin + osakaAfter].map((time) => forkAt(genesis!, time))).toEqual([
      "prague",
      "prague",
      "osaka",
    ]);
    chain = await startTestChain({ dir: chain.dir, blockIntervalMs: NEVER }, chain.accounts);
    expect((await chain.driver.mine()).slot.fork).toBe("osaka");
  });
});

const commitmentTo = (k: number): Uint8Array =>
  constantBlobKzg.blobToKzgCommitment(Buffer.from(constantBlob(k).slice(2), "hex"));
const nameOf = (k: number): Hash => versionedHash(commitmentTo(k));
const wrapped = (k: number, kind: ProofKind): BlobSidecar => {
  const commitment: Hex = `0x${Buffer.from(commitmentTo(k)).toString("hex")}`;
  return { blob: constantBlob(k), commitment, kind, proofs: constantProofs(kind) };
};
