import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PublicClient } from "viem";
import type { SignableTransaction, Signer } from "../../../../keystore/store.js";
import type { Hex } from "../../../../schema/units.js";
import { nodeFor } from "../../../../sidecar/adapters/node.js";
import { BroadcastUnclear, EstimateRefused } from "../../../../sidecar/failures.js";
import { withSidecar } from "../../../../protocol/blob-transaction.js";
import type { Node, RefusalKind } from "../../../../sidecar/ports.js";
import { hashOf } from "../../../../sidecar/transactions/raw.js";
import { gwei, type TestChain } from "../../devnet/chain/harness.js";
import { chainWithKeys, constantBlobs, pausedContract } from "./accounts.js";

/** Every rule of geth's pools, as the node port tells it. Blocks are held, so that what is in a pool stays there. */
describe("what a real node says to a broadcast", () => {
  let chain: TestChain;
  let signers: Signer[];
  let signer: Signer;
  let node: Node;
  beforeAll(async () => {
    ({ chain, signers } = await chainWithKeys(20));
    await chain.driver.hold();
  });
  afterAll(() => chain.stop());
  beforeEach(() => {
    signer = signers.pop()!;
    const client = chain.client as unknown as PublicClient;
    node = nodeFor(client, client, 48221, signer.address);
  });

  const plain = (nonce: number, gasPrice = gwei(2), fields: Partial<SignableTransaction> = {}): Promise<Hex> =>
    signer.signTransaction({
      type: "legacy",
      chainId: 48221,
      nonce,
      gasPrice,
      gas: 50_000n,
      to: signer.address,
      value: 1n,
      data: "0x",
      ...fields,
    } as SignableTransaction);
  const blob = async (nonce: number, times = 1n, k = 1): Promise<Hex> => {
    const { versionedHash, ...built } = await constantBlobs.build(Uint8Array.of(k));
    const signed = await signer.signTransaction({
      type: "eip4844",
      chainId: 48221,
      nonce,
      maxFeePerGas: gwei(100) * times,
      maxPriorityFeePerGas: gwei(1) * times,
      maxFeePerBlobGas: gwei(1) * times,
      gas: 21_000n,
      to: signer.address,
      value: 0n,
      data: "0x",
      blobVersionedHashes: [versionedHash],
    });
    return withSidecar(signed, { ...built, kind: "blob", proofs: await constantBlobs.prove(built, "blob") });
  };
  const refused = async (raw: Promise<Hex>, kind: RefusalKind): Promise<void> => {
    const bytes = await raw;
    await expect(node.broadcast(bytes)).rejects.toMatchObject({ name: "Error", kind });
    expect(await node.knows(hashOf(bytes))).toBe(false);
  };

  test("a plain transaction beside a pending blob: reserved, at the same nonce and at the next", async () => {
    await node.broadcast(await blob(0));
    await refused(plain(0), "reserved");
    await refused(plain(1), "reserved");
  });
  test("a blob at the nonce of a pending plain transaction: reserved", async () => {
    await node.broadcast(await plain(0));
    await refused(blob(0), "reserved");
  });
  test("a blob at the nonce after a pending plain transaction: nonce too high", async () => {
    await node.broadcast(await plain(0));
    await refused(blob(1), "nonceTooHigh");
  });
  test("a blob above a gap: nonce too high", () => refused(blob(1), "nonceTooHigh"));
  test("a plain transaction above a gap: taken, and waits", async () => {
    const raw = await plain(3);
    expect(await node.broadcast(raw)).toBe(hashOf(raw));
    expect(await node.knows(hashOf(raw))).toBe(true);
    expect(await node.receipt(hashOf(raw))).toBeNull();
  });
  test("a plain replacement for less than a tenth more: replacement underpriced; for an eighth more: taken", async () => {
    await node.broadcast(await plain(0, gwei(8)));
    await refused(plain(0, gwei(8) + 1n), "replacementUnderpriced");
    await node.broadcast(await plain(0, gwei(9)));
  });
  test("a blob's replacement for less than double: replacement underpriced; for double: taken", async () => {
    await node.broadcast(await blob(0));
    await refused(blob(0, 1n, 2), "replacementUnderpriced");
    await node.broadcast(await blob(0, 2n, 2));
  });
  test("the same bytes again, plain or blob: it has them", async () => {
    const raw = await plain(0);
    expect(await node.broadcast(raw)).toBe(hashOf(raw));
    expect(await node.broadcast(raw)).toBe(hashOf(raw));
    signer = signers.pop()!;
    const full = await blob(0);
    expect(await node.broadcast(full)).toBe(hashOf(full));
    expect(await node.broadcast(full)).toBe(hashOf(full));
  });
  test("a nonce that is used, plain or blob: nonce too low", async () => {
    const raw = await plain(0);
    await node.broadcast(raw);
    await chain.driver.mine();
    expect(await node.nonces()).toEqual({ latest: 1, pending: 1 });
    await expect(node.broadcast(raw)).rejects.toMatchObject({ kind: "nonceTooLow" });
    await refused(plain(0, gwei(50)), "nonceTooLow");
    await refused(blob(0), "nonceTooLow");
  });
  test("more than the balance: funds", () => refused(plain(0, gwei(2), { value: 10n ** 24n }), "funds"));
  test("a price of nothing: underpriced", () => refused(plain(0, 0n), "underpriced"));
  test("too little gas, or another chain: refused for good", async () => {
    await refused(plain(0, gwei(2), { gas: 20_000n }), "other");
    await refused(plain(0, gwei(2), { chainId: 1 }), "other");
  });
  test("a node that cannot be reached: unclear", async () => {
    chain.faults.add({ part: "rpc", kind: "drop", match: { method: "eth_sendRawTransaction" } });
    await expect(node.broadcast(await plain(0))).rejects.toBeInstanceOf(BroadcastUnclear);
    chain.faults.clear();
  });

  test("an estimate names the contract's error, and wants the balance to cover the value", async () => {
    const call = { to: pausedContract, data: "0x", value: 0n } as const;
    await expect(node.estimate(call)).rejects.toMatchObject({ revert: { name: "EnforcedPause" } });
    await expect(node.estimate({ ...call, to: signer.address, value: 10n ** 24n })).rejects.toBeInstanceOf(
      EstimateRefused,
    );
    expect(await node.estimate({ ...call, to: signer.address })).toBe(21_000n);
  });

  test("a receipt's fee holds the blob's gas too", async () => {
    const raw = await blob(0);
    const before = await node.balance();
    await node.broadcast(raw);
    await chain.driver.mine();
    const receipt = (await node.receipt(hashOf(raw)))!;
    expect(receipt).toMatchObject({ status: "success", gasUsed: 21_000n });
    expect(before - (await node.balance())).toBe(receipt.fee);
  });
});
