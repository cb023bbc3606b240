import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Signer } from "../../../../keystore/store.js";
import { wei, type Hex } from "../../../../schema/units.js";
import { BroadcastUnclear, CallReverted } from "../../../../sidecar/failures.js";
import type { Node } from "../../../../sidecar/ports.js";
import { sidecarOf } from "../../../../protocol/blob-transaction.js";
import { hashOf } from "../../../../sidecar/transactions/raw.js";
import { gwei, until, type TestChain } from "../../devnet/chain/harness.js";
import { blobFor, callFor, chainWithKeys, openAccount, pausedContract, untilOsaka, type Account } from "./accounts.js";

let chain: TestChain;
let signers: Signer[];
let account: Account;
beforeAll(async () => ({ chain, signers } = await chainWithKeys(12)));
afterEach(async () => {
  chain.faults.clear();
  await account.stop();
});
afterAll(() => chain.stop());

const open = async (options: Parameters<typeof openAccount>[2] = {}): Promise<Account> =>
  (account = await openAccount(chain, signers.pop()!, options));
const outcomes = (one: Account) => one.journal.allTransactions().map(({ outcome }) => outcome);

test("calls and blobs in any order are each mined once, one nonce each, and never refused by the pools for long", async () => {
  const one = await open();
  const calls = ["a", "b", "c", "d", "e", "f"].map((name) =>
    one.transactions.send(callFor(one, name), undefined, "job"),
  );
  const blobs = [1, 2, 3, 4].map((k) => one.transactions.publish(blobFor(one, k)));
  const late = one.transactions.send(callFor(one, "late"), undefined, "claim");
  const all = await Promise.all([...calls, ...blobs, late]);
  expect(all.every(({ status }) => status === "success")).toBe(true);
  expect(await one.node.nonces()).toEqual({ latest: 11, pending: 11 });
  expect(outcomes(one).filter((outcome) => outcome === "mined")).toHaveLength(11);
  const again = await one.transactions.send(callFor(one, "a"));
  expect(again).toEqual(all[0]);
  expect(await one.node.nonces()).toEqual({ latest: 11, pending: 11 });
});

test("bytes that were written down and never sent go out after the restart, the very same", async () => {
  const neverSent = (node: Node): Node => ({
    ...node,
    broadcast: () => new Promise(() => undefined),
    knows: () => new Promise(() => undefined),
  });
  const one = await open({ wrap: neverSent });
  void one.transactions.send(callFor(one, "ack")).catch(() => undefined);
  await until(() => one.journal.openTransactions().length === 1);
  const [stored] = one.journal.openTransactions();
  const next = await one.restart();
  const mined = await next.send(callFor(one, "ack"));
  expect(mined.hash).toBe(stored!.hash);
  expect(await one.node.nonces()).toEqual({ latest: 1, pending: 1 });
});

test("an error after the node had taken it leads to no second transaction, nor does a lost first request", async () => {
  let calls = 0;
  const flaky = (node: Node): Node => ({
    ...node,
    broadcast: async (raw) => {
      calls++;
      if (calls % 3 === 1) throw new BroadcastUnclear("lost on the way");
      const hash = await node.broadcast(raw);
      if (calls % 3 === 2) throw new BroadcastUnclear("lost on the way back");
      return hash;
    },
  });
  const one = await open({ wrap: flaky });
  const names = ["a", "b", "c", "d"];
  const mined = await Promise.all(names.map((name) => one.transactions.send(callFor(one, name))));
  expect(new Set(mined.map(({ hash }) => hash)).size).toBe(4);
  expect(await one.node.nonces()).toEqual({ latest: 4, pending: 4 });
});

test("what the contract would revert is not sent", async () => {
  const one = await open();
  const sending = one.transactions.send(callFor(one, "ack", { to: pausedContract }));
  await expect(sending).rejects.toBeInstanceOf(CallReverted);
  await expect(sending).rejects.toThrow("EnforcedPause()");
  expect(one.journal.allTransactions()).toEqual([]);
});

test("a sweep leaves nothing at all behind", async () => {
  const one = await open();
  await one.transactions.send(callFor(one, "work"));
  const [to] = chain.accounts;
  await one.transactions.send(callFor(one, "sweep", { to: to.address, data: "0x", sweep: true, value: wei(0n) }));
  expect(await one.node.balance()).toBe(0n);
});

test("another holder's transaction makes the journal stale", async () => {
  const [key] = signers.slice(-1);
  const one = await open();
  await one.transactions.send(callFor(one, "work"));
  expect(await one.transactions.useOfKey()).toBe("ours");
  const raw = await key!.signTransaction({
    type: "legacy",
    chainId: 48221,
    nonce: 1,
    gasPrice: gwei(2),
    gas: 21_000n,
    to: one.address,
    value: 0n,
    data: "0x",
  });
  await one.node.broadcast(raw);
  await until(async () => (await one.node.receipt(hashOf(raw))) !== null);
  expect(await one.transactions.useOfKey()).toBe("foreign");
});

test("a plain transaction follows a blob within a block or two, though the pool frees the account late", async () => {
  const one = await open();
  const blob = one.transactions.publish(blobFor(one, 7));
  const complete = one.transactions.send(callFor(one, "complete"), undefined, "job");
  const [first, second] = await Promise.all([blob, complete]);
  expect(second.block - first.block).toBeLessThanOrEqual(3n);
});

test("blobs signed before the fork are mined after it: the same bytes if no pool had them, else replaced there at once", async () => {
  const sent: Hex[] = [];
  const neverSent = (node: Node): Node => ({ ...node, broadcast: () => new Promise(() => undefined) });
  const watched = (node: Node): Node => ({ ...node, broadcast: (raw) => (sent.push(raw), node.broadcast(raw)) });
  const one = await open({ wrap: neverSent });
  const other = await openAccount(chain, signers.pop()!, { settings: { replaceAfterMs: 600_000 } });
  try {
    await chain.driver.hold();
    void one.transactions.publish(blobFor(one, 1)).catch(() => undefined);
    const pooled = other.transactions.publish(blobFor(other, 2));
    await until(() => one.journal.openTransactions().length === 1);
    pooled.catch(() => undefined);
    await until(() => other.journal.openTransactions().length === 1);
    await until(() => other.node.knows(other.journal.openTransactions()[0]!.hash));
    await chain.driver.advance(untilOsaka);
    chain.driver.release();

    const [stored] = one.journal.openTransactions();
    const next = await one.restart(watched);
    expect(await next.publish(blobFor(one, 1))).toMatchObject({ status: "success", hash: stored!.hash });
    expect(sidecarOf(stored!.raw)?.kind).toBe("blob");
    expect(sent.map((raw) => sidecarOf(raw)?.kind)).toEqual(["cells"]);

    const { hash } = await pooled;
    const [first, second] = other.journal.sentFor(blobFor(other, 2).purpose);
    expect([second!.hash, second!.nonce]).toEqual([hash, first!.nonce]);
    expect(await other.node.nonces()).toMatchObject({ latest: 1 });
  } finally {
    await other.stop();
  }
});
