import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PublicClient } from "viem";
import type { SignableTransaction, Signer } from "../../../../keystore/store.js";
import type { PurposeId } from "../../../../lifecycle/types.js";
import type { Hex } from "../../../../schema/units.js";
import { nodeFor } from "../../../../sidecar/adapters/node.js";
import { withSidecar, withoutSidecar } from "../../../../protocol/blob-transaction.js";
import { BroadcastRefused, BroadcastUnclear, EstimateRefused } from "../../../../sidecar/failures.js";
import type { Node, RefusalKind } from "../../../../sidecar/ports.js";
import { decodeRaw, hashOf } from "../../../../sidecar/transactions/raw.js";
import { gwei, until, type TestChain } from "../../devnet/chain/harness.js";
import { blobFor, callFor, chainWithKeys, constantBlobs, openAccount } from "./accounts.js";
import { pausedContract, veteranNonce, type Account } from "./accounts.js";

let chain: TestChain;
let signers: Signer[];
let veteran: Signer;
let signer: Signer;
let node: Node;
beforeAll(async () => ({ chain, signers, veteran } = await chainWithKeys(30)));
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

/** Every rule of geth's pools, as the node port tells it. Blocks are held, so that what is in a pool stays there. */
describe("what a real node says to a broadcast", () => {
  beforeAll(() => chain.driver.hold());
  afterAll(() => chain.driver.release());

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

/** The same rules, as the one sender of a worker's key meets them: whatever it is told, its purpose is mined, once. */
describe("what the transaction manager makes of it", () => {
  let account: Account;
  let met: (RefusalKind | "taken")[];
  afterEach(async () => {
    chain.faults.clear();
    chain.driver.release();
    await account.stop();
  });

  /** A manager on a node that writes down how it answers broadcasts; `differently` changes what it says. */
  const open = async (
    key: Signer = signer,
    differently: (real: Node) => Partial<Node> = () => ({}),
  ): Promise<Account> => {
    met = [];
    const wrap = (real: Node): Node => ({
      ...real,
      broadcast: async (raw) => {
        try {
          const hash = await real.broadcast(raw);
          met.push("taken");
          return hash;
        } catch (error) {
          if (error instanceof BroadcastRefused) met.push(error.kind);
          throw error;
        }
      },
      ...differently(real),
    });
    return (account = await openAccount(chain, key, { wrap }));
  };
  /** The first answer to the question for the nonce is off by this. */
  const nonceOffBy =
    (difference: number) =>
    (real: Node): Partial<Node> => {
      let asked = 0;
      return {
        nonces: async () => {
          const { latest, pending } = await real.nonces();
          return asked++ === 0 ? { latest: latest + difference, pending } : { latest, pending };
        },
      };
    };
  const withhold = (match: { hash: Hex } | { from: Hex }): number =>
    chain.faults.add({ part: "chain", kind: "withhold", match });
  /** What a former holder of the key left in a pool, and no block takes. */
  const leaveHanging = async (raw: Hex): Promise<void> => {
    withhold({ hash: hashOf(raw) });
    await node.broadcast(raw);
  };
  const feesOf = (purpose: PurposeId) =>
    account.journal.sentFor(purpose).map(({ raw }) => Object.values(decodeRaw(withoutSidecar(raw)).fees) as bigint[]);
  /** Waits until something of ours was replaced while no block took it, then lets it go. */
  const replaced = async (purpose: PurposeId, sending: Promise<{ hash: Hex }>): Promise<void> => {
    await until(async () => {
      const second = account.journal.sentFor(purpose)[1];
      return second !== undefined && (await account.node.knows(second.hash));
    });
    chain.faults.clear();
    const { hash } = await sending;
    const [first, ...replacements] = account.journal.sentFor(purpose);
    expect(first!.outcome).not.toBe("mined");
    expect(replacements.filter(({ outcome }) => outcome === "mined").map((sent) => sent.hash)).toEqual([hash]);
  };

  test("address already reserved, for a call beside a blob: the blob is replaced by a filler, the call follows", async () => {
    await leaveHanging(await blob(0));
    await open();
    expect((await account.transactions.send(callFor(account, "ack"))).status).toBe("success");
    expect(met).toContain("reserved");
    expect(await node.nonces()).toMatchObject({ latest: 2 });
  });
  test("address already reserved, for a blob beside a call: the call is replaced by a filler, the blob follows", async () => {
    await leaveHanging(await plain(0));
    await open();
    expect((await account.transactions.publish(blobFor(account, 2))).status).toBe("success");
    expect(met).toContain("reserved");
    expect(await node.nonces()).toMatchObject({ latest: 2 });
  });
  test("nonce too high, for a blob after a call that a reorganisation put back into the pool: it waits for the call", async () => {
    let answering: Promise<unknown> = Promise.resolve();
    await open(signer, (real) => ({ receipt: async (hash) => (await answering, real.receipt(hash)) }));
    const { hash } = await account.transactions.send(callFor(account, "ack"));
    const unnoticed = Promise.withResolvers();
    answering = unnoticed.promise;
    const fault = withhold({ hash });
    await chain.driver.hold();
    await chain.driver.reorganise(chain.driver.head().number - Number((await node.receipt(hash))!.block) + 1);
    const publishing = account.transactions.publish(blobFor(account, 3));
    await until(() => met.includes("nonceTooHigh")).finally(() => unnoticed.resolve(undefined));
    chain.faults.remove(fault);
    chain.driver.release();
    expect((await publishing).status).toBe("success");
    expect(await node.nonces()).toMatchObject({ latest: 2 });
  });
  test("nonce too high, for a blob above a gap: it takes the nonce that is free", async () => {
    await open(signer, nonceOffBy(1));
    expect((await account.transactions.publish(blobFor(account, 4))).status).toBe("success");
    expect(met).toEqual(["nonceTooHigh", "taken"]);
    expect(await node.nonces()).toMatchObject({ latest: 1 });
  });
  test("a blob that hangs: replaced for twice all three fees", async () => {
    await open();
    withhold({ from: account.address.toLowerCase() as Hex });
    const { purpose } = blobFor(account, 5);
    await replaced(purpose, account.transactions.publish(blobFor(account, 5)));
    const [first, second] = feesOf(purpose);
    expect(second!.every((fee, at) => fee >= 2n * first![at]!)).toBe(true);
    expect(met).not.toContain("replacementUnderpriced");
    expect(await node.nonces()).toMatchObject({ latest: 1 });
  });
  test("a call that hangs: replaced for a tenth more", async () => {
    await open();
    withhold({ from: account.address.toLowerCase() as Hex });
    const call = callFor(account, "slow");
    await replaced(call.purpose, account.transactions.send(call));
    const [[first], [second]] = feesOf(call.purpose) as [[bigint], [bigint]];
    expect(second).toBeGreaterThanOrEqual((first * 11n) / 10n);
    expect(met).not.toContain("replacementUnderpriced");
    expect(await node.nonces()).toMatchObject({ latest: 1 });
  });
  test("replacement transaction underpriced, at the nonce of what a former holder left: it goes above that", async () => {
    await leaveHanging(await plain(0, gwei(40)));
    await open();
    expect((await account.transactions.send(callFor(account, "ack"))).status).toBe("success");
    expect(met).toContain("replacementUnderpriced");
    expect(await node.nonces()).toMatchObject({ latest: 1 });
  });
  test("already known: what was offered twice is one transaction", async () => {
    let lost = 0;
    await open(signer, (real) => ({
      broadcast: async (raw) => {
        const hash = await real.broadcast(raw);
        met.push("taken");
        if (lost++ === 0) throw new BroadcastUnclear("lost on the way back");
        return hash;
      },
      knows: async (hash) => lost > 1 && (await real.knows(hash)),
    }));
    withhold({ from: account.address.toLowerCase() as Hex });
    const sending = account.transactions.send(callFor(account, "ack"));
    await until(() => met.length > 1);
    chain.faults.clear();
    const { hash } = await sending;
    expect(account.journal.allTransactions().map((sent) => sent.hash)).toEqual([hash]);
    expect(await node.nonces()).toMatchObject({ latest: 1 });
  });
  test("nonce too low: another's transaction was quicker, and the next nonce is taken", async () => {
    await open(signer, nonceOffBy(-1));
    await node.broadcast(await plain(0));
    await until(async () => (await node.nonces()).latest === 1);
    expect((await account.transactions.send(callFor(account, "ack"))).status).toBe("success");
    expect(met).toEqual(["nonceTooLow", "taken"]);
    expect(await node.nonces()).toMatchObject({ latest: 2 });
  });
  test("a blob above a gap that an old account's pool takes silently: the gap is filled, and the blob is mined", async () => {
    await open(veteran, nonceOffBy(1));
    expect((await account.transactions.publish(blobFor(account, 6))).status).toBe("success");
    expect(met[0]).toBe("taken"); // and in no block for as long as nothing fills the gap
    expect(await account.node.nonces()).toMatchObject({ latest: veteranNonce + 2 });
  });
});
