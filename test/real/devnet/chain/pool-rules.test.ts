import { BaseError } from "viem";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { gwei, NEVER, startTestChain, until, type TestChain } from "./harness.js";

/** Contracts reference §6.2 and §8 row 13: the node keeps blob and plain transactions of one sender apart. */
describe("the node's transaction pools", () => {
  let chain: TestChain;
  let nonce: number;
  beforeAll(async () => (chain = await startTestChain({ blockIntervalMs: NEVER })));
  beforeEach(async () => {
    await chain.driver.hold();
    nonce = await chain.client.getTransactionCount({ address: chain.accounts[0].address });
  });
  afterEach(async () => {
    chain.driver.release();
    await until(async () => (await chain.pending()) === 0);
  });
  afterAll(() => chain.stop());
  const account = () => chain.accounts[0];

  test("refuse a plain transaction while a blob transaction of the sender is pending", async () => {
    await chain.sendBlob(account(), { nonce });
    await refused(chain.sendPlain(account(), { nonce }), "address already reserved");
    await refused(chain.sendPlain(account(), { nonce: nonce + 1 }), "address already reserved");
  });

  test("refuse a blob transaction while a plain transaction of the sender is pending", async () => {
    await chain.sendPlain(account(), { nonce });
    await refused(chain.sendBlob(account(), { nonce }), "address already reserved");
    await refused(
      chain.sendBlob(account(), { nonce: nonce + 1 }),
      `nonce too high: tx nonce ${nonce + 1}, gapped nonce ${nonce}`,
    );
  });

  test("take the other class again as soon as the first is in a block", async () => {
    const blob = await chain.sendBlob(account(), { nonce });
    await chain.driver.mine();
    expect(await chain.isMined(blob)).toBe(true);
    await until(async () => (await chain.pending()) === 0);
    const plain = await chain.sendPlain(account(), { nonce: nonce + 1 });
    await chain.driver.mine();
    expect(await chain.isMined(plain)).toBe(true);
  });

  test("replace a blob transaction only when all three fees are doubled", async () => {
    await chain.sendBlob(account(), { nonce, k: 1 });
    const doubled = { maxPriorityFeePerGas: gwei(2), maxFeePerGas: gwei(200), maxFeePerBlobGas: gwei(2) };
    await refused(chain.sendBlob(account(), { nonce, k: 2, ...doubled, maxFeePerBlobGas: gwei(1) }), "replacement");
    const replacement = await chain.sendBlob(account(), { nonce, k: 2, ...doubled });
    await chain.driver.mine();
    expect(await chain.isMined(replacement)).toBe(true);
  });

  test("replace a plain transaction only for a tenth more", async () => {
    await chain.sendPlain(account(), { nonce, gasPrice: gwei(10) });
    await refused(
      chain.sendPlain(account(), { nonce, gasPrice: gwei(10) + 1n }),
      "replacement transaction underpriced",
    );
    const replacement = await chain.sendPlain(account(), { nonce, gasPrice: gwei(11) });
    await chain.driver.mine();
    expect(await chain.isMined(replacement)).toBe(true);
  });

  test("refuse a blob transaction after a gap of nonces", async () => {
    const fresh = chain.accounts[1];
    await refused(chain.sendBlob(fresh, { nonce: 1 }), "nonce too high");
  });

  test("take a blob transaction after a gap silently from a sender of nine, and keep it from blocks until the gap is closed", async () => {
    const veteran = chain.accounts[2];
    for (let sent = 0; sent < 9; sent++) await chain.sendPlain(veteran, { nonce: sent });
    await chain.driver.mine();
    await until(async () => (await chain.pending()) === 0);
    const gapped = await chain.sendBlob(veteran, { nonce: 10, k: 1 });
    await chain.driver.mine(2);
    await expect(chain.client.getTransaction({ hash: gapped })).rejects.toThrow("could not be found");
    await chain.sendBlob(veteran, { nonce: 9, k: 2 });
    await chain.driver.mine();
    expect(await chain.isMined(gapped)).toBe(true);
  });

  test("refuse what they have, and what the chain has", async () => {
    await chain.sendPlain(account(), { nonce });
    await refused(chain.sendPlain(account(), { nonce }), "already known");
    await chain.driver.mine();
    await until(async () => (await chain.pending()) === 0);
    await refused(chain.sendPlain(account(), { nonce }), "nonce too low");
  });

  async function refused(sending: Promise<unknown>, words: string): Promise<void> {
    const error: unknown = await sending.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const root = error instanceof BaseError ? error.walk() : error;
    expect(root).toMatchObject({ code: -32000, message: expect.stringContaining(words) as unknown });
  }
});
