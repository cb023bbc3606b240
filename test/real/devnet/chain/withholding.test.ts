import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { NEVER, startTestChain, until, type TestChain } from "./harness.js";

describe("transactions that are withheld", () => {
  let chain: TestChain;
  beforeAll(async () => (chain = await startTestChain({ blockIntervalMs: NEVER })));
  afterEach(async () => {
    chain.faults.clear();
    await until(async () => (await chain.pending()) === 0); // what was withheld is built in at once
    expect(chain.errors).toEqual([]);
  });
  afterAll(() => chain.stop());

  test("stay in the pool while others go into blocks, and are let in when the rule is removed", async () => {
    const [alice, bob] = chain.accounts;
    const rule = chain.faults.add({ part: "chain", kind: "withhold", match: { from: lower(alice.address) } });
    const withheld = await chain.sendPlain(alice);
    const free = await chain.receipt(await chain.sendPlain(bob));
    expect(free.status).toBe("success");
    await chain.driver.mine(2);
    expect(await chain.isMined(withheld)).toBe(false);
    expect(await chain.client.getTransactionCount({ address: alice.address, blockTag: "pending" })).toBe(1);
    chain.faults.remove(rule);
    expect((await chain.receipt(withheld)).status).toBe("success");
  });

  test("are withheld from as many blocks as the rule says", async () => {
    const [alice] = chain.accounts;
    chain.faults.add({ part: "chain", kind: "withhold", times: 2 });
    const hash = await chain.sendPlain(alice);
    await until(async () => (await chain.pending()) === 1);
    await chain.driver.mine();
    expect(await chain.isMined(hash)).toBe(false);
    await chain.driver.mine();
    expect((await chain.receipt(hash)).blockNumber).toBe(BigInt(chain.driver.head().number));
    expect(chain.faults.list()).toEqual([]);
  });

  test("can be only the blob transactions, and the blobs of others are served all the same", async () => {
    const [alice, bob, carol] = chain.accounts;
    chain.faults.add({ part: "chain", kind: "withhold", match: { type: "blob", from: lower(alice.address) } });
    const withheld = await chain.sendBlob(alice, { k: 1 });
    const other = await chain.receipt(await chain.sendBlob(carol, { k: 2 }));
    expect((await chain.receipt(await chain.sendPlain(bob))).status).toBe("success");
    expect(await chain.isMined(withheld)).toBe(false);
    expect(chain.driver.head().number).toBeGreaterThanOrEqual(Number(other.blockNumber));
    const slot = await fetch(`${chain.beaconUrl}/eth/v1/beacon/blob_sidecars/head`);
    expect(slot.status).toBe(200);
  });

  test("can be calls of one function", async () => {
    const [alice, bob] = chain.accounts;
    chain.faults.add({ part: "chain", kind: "withhold", match: { selector: "0xf446092d" } });
    const withheld = await chain.sendPlain(alice, { to: bob.address, data: "0xf446092d00" });
    expect((await chain.receipt(await chain.sendPlain(bob, { to: alice.address, data: "0xf446092e00" }))).status).toBe(
      "success",
    );
    expect(await chain.isMined(withheld)).toBe(false);
  });

  test("take what the same sender sent after them along", async () => {
    const [alice, bob] = chain.accounts;
    const nonce = await chain.client.getTransactionCount({ address: alice.address });
    chain.faults.add({ part: "chain", kind: "withhold", match: { to: lower(bob.address) } });
    const first = await chain.sendPlain(alice, { to: bob.address, nonce });
    const second = await chain.sendPlain(alice, { nonce: nonce + 1 });
    await chain.driver.mine(2);
    expect([await chain.isMined(first), await chain.isMined(second)]).toEqual([false, false]);
  });

  test("do not stop the clock", async () => {
    const [alice] = chain.accounts;
    chain.faults.add({ part: "chain", kind: "withhold" });
    const hash = await chain.sendPlain(alice);
    const before = chain.driver.head();
    const after = await chain.driver.advance(600);
    expect(after.timestamp - before.timestamp).toBeGreaterThanOrEqual(600n);
    expect(await chain.isMined(hash)).toBe(false);
  });
});

const lower = (address: string): `0x${string}` => address.toLowerCase() as `0x${string}`;
