import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { blobCapacityBytes } from "../../../../protocol/blob.js";
import type { Network } from "../../../../schema/network.js";
import { settingsSchema } from "../../../../schema/settings.js";
import { createBlobs } from "../../../../sidecar/adapters/blobs.js";
import type { ProofKind } from "../../../../protocol/blob-transaction.js";
import type { BuiltBlob } from "../../../../sidecar/ports.js";
import { systemClock } from "../../../../system/clock.js";
import { NEVER, startTestChain, type TestChain } from "../../devnet/chain/harness.js";

describe("an answer's blob", () => {
  let chain: TestChain;
  let blobs: ReturnType<typeof createBlobs>;
  beforeAll(async () => {
    chain = await startTestChain({ blockIntervalMs: NEVER, osakaAfter: 86_400 });
    const network: Network = {
      name: "test",
      chainId: 48221,
      endpoints: { rpc: chain.rpcUrl, beacon: `${chain.beaconUrl}/`, gateway: chain.rpcUrl },
      contracts: { workerRegistry: "0x0000000000000000000000000000000000001002" },
    };
    const settings = settingsSchema.shape.jobs.parse({ blobFetchTimeoutMs: 500, blobFetchRetries: 2 });
    const log = pino({ level: "silent" });
    blobs = createBlobs({
      network,
      settings,
      kzgWorker: null,
      clock: systemClock,
      log,
    });
    await blobs.warmUp();
  });
  afterEach(() => void chain.faults.clear());
  afterAll(async () => {
    await blobs.close();
    await chain.stop();
  });

  /** Mines it as a worker does. @returns the number of its block */
  const mine = async (built: BuiltBlob, kind: ProofKind): Promise<bigint> => {
    const proofs = await blobs.prove(built, kind);
    const hash = await chain.sendWrapped(chain.accounts[0], { ...built, kind, proofs });
    return (await chain.receipt(hash)).blockNumber;
  };
  const answer = async (bytes: number, kind: ProofKind = "blob") => {
    const payload = new Uint8Array(randomBytes(bytes));
    const built = await blobs.build(payload);
    return { payload, built, block: await mine(built, kind) };
  };

  test("is accepted by a real node, proof and all, and comes back byte for byte", async () => {
    for (const bytes of [1, 29, 5_000, blobCapacityBytes]) {
      const { payload, built, block } = await answer(bytes);
      expect(await blobs.fetch(built.versionedHash, block)).toEqual(payload);
    }
  });

  test("is found from a block up to a hundred later, and not from one later still (LF1409)", async () => {
    const { payload, built, block } = await answer(40);
    await chain.driver.mine(101);
    expect(await blobs.fetch(built.versionedHash, block + 100n)).toEqual(payload);
    await expect(blobs.fetch(built.versionedHash, block + 101n)).rejects.toMatchObject({ code: "LF1409" });
  });

  test("is found behind missed slots, by the list of headers or by walking", async () => {
    await chain.driver.mine();
    chain.driver.missSlots(30);
    const { payload, built, block } = await answer(40);
    expect(await blobs.fetch(built.versionedHash, block)).toEqual(payload);
    chain.faults.add({ part: "beacon", kind: "status", match: { path: "/eth/v1/beacon/headers" }, times: 1 });
    expect(await blobs.fetch(built.versionedHash, block)).toEqual(payload);
    expect(chain.faults.list()).toEqual([]);
  });

  test("is found though the beacon node failed, hung or hung up before", async () => {
    const { payload, built, block } = await answer(40);
    for (const kind of ["status", "hang", "drop"] as const) {
      chain.faults.add({ part: "beacon", kind, match: { path: "/eth/v1/beacon/blob" }, times: 2 });
      expect(await blobs.fetch(built.versionedHash, block)).toEqual(payload);
    }
    chain.faults.add({ part: "rpc", kind: "drop", match: { method: "eth_getBlockByNumber" }, times: 1 });
    expect(await blobs.fetch(built.versionedHash, block)).toEqual(payload);
  });

  test("that a beacon node never gives is given up (LF1408), at once when nobody wants it any more", async () => {
    const { built, block } = await answer(40);
    chain.faults.add({ part: "beacon", kind: "status", match: { path: "/eth/v1/beacon/blob" } });
    await expect(blobs.fetch(built.versionedHash, block)).rejects.toMatchObject({ code: "LF1408" });
    chain.faults.clear();
    chain.faults.add({ part: "beacon", kind: "hang" });
    const giveUp = new AbortController();
    const fetching = expect(blobs.fetch(built.versionedHash, block, giveUp.signal)).rejects.toThrow("too late");
    giveUp.abort(new Error("too late"));
    await fetching;
  });

  test("is not built of more than fits (LF1410)", () =>
    expect(blobs.build(new Uint8Array(blobCapacityBytes + 1))).rejects.toMatchObject({ code: "LF1410" }));

  test("goes on the chain with cell proofs after the fork, and comes back as those from before it do", async () => {
    const former = await answer(5_000);
    await chain.driver.advance(90_000);
    for (const bytes of [1, blobCapacityBytes]) {
      const { payload, built, block } = await answer(bytes, "cells");
      expect(await blobs.fetch(built.versionedHash, block)).toEqual(payload);
      expect(await blobs.fetch(former.built.versionedHash, block)).toEqual(former.payload);
    }
  });
});
