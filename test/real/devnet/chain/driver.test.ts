import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NEVER, newFolder, removeFolder, startTestChain, until, type TestChain } from "./harness.js";

const wallSeconds = () => Math.floor(Date.now() / 1000);

describe("a chain that builds no block by itself", () => {
  let chain: TestChain;
  beforeAll(async () => (chain = await startTestChain({ blockIntervalMs: NEVER })));
  afterAll(() => chain.stop());

  test("gives a block the wall clock's time, or a second more than its parent's when that is later", async () => {
    const [before, parent] = [wallSeconds(), Number(chain.driver.head().timestamp)];
    const first = await chain.driver.mine();
    expect(Number(first.timestamp)).toBeGreaterThanOrEqual(Math.max(before, parent + 1));
    expect(Number(first.timestamp)).toBeLessThanOrEqual(Math.max(wallSeconds() + 1, parent + 1));
    const tenth = await chain.driver.mine(9);
    expect(tenth.number).toBe(first.number + 9);
    expect(tenth.timestamp).toBe(first.timestamp + 9n);
    expect((await chain.client.getBlock()).timestamp).toBe(tenth.timestamp);
  });

  test("jumps ahead in time with one block, and its clock goes on from there", async () => {
    const before = chain.driver.head();
    const after = await chain.driver.advance(86_400);
    expect(after.number).toBe(before.number + 1);
    expect(after.timestamp - before.timestamp).toBeGreaterThanOrEqual(86_400n);
    expect(after.timestamp - before.timestamp).toBeLessThan(86_410n);
    expect((await chain.driver.mine()).timestamp).toBeGreaterThan(after.timestamp);
    expect(chain.driver.now() - after.timestamp).toBeLessThan(10n);
  });

  test("puts a transaction into a block as soon as it arrives", async () => {
    const [account] = chain.accounts;
    const start = performance.now();
    const receipt = await chain.receipt(await chain.sendPlain(account));
    expect(receipt.status).toBe("success");
    expect(performance.now() - start).toBeLessThan(5000); // the interval is an hour
  });

  test("builds one block for a transaction and none for its absence", async () => {
    const [account] = chain.accounts;
    const before = chain.driver.head().number;
    await chain.receipt(await chain.sendPlain(account));
    await chain.receipt(await chain.sendPlain(account));
    expect(chain.driver.head().number).toBe(before + 2);
  });

  test("calls a block final when two more are on top of it", async () => {
    const head = await chain.driver.mine(3);
    const numberOf = async (blockTag: "finalized" | "safe") =>
      Number((await chain.client.getBlock({ blockTag })).number);
    expect(await numberOf("finalized")).toBe(head.number - 2);
    expect(await numberOf("safe")).toBe(head.number - 2);
  });

  test("answers calls about the state of 100 blocks ago", async () => {
    const [account] = chain.accounts;
    const balance = await chain.client.getBalance({ address: account.address });
    const then = chain.driver.head().number;
    await chain.receipt(await chain.sendPlain(account));
    await chain.driver.mine(100);
    expect(await chain.client.getBalance({ address: account.address, blockNumber: BigInt(then) })).toBe(balance);
    expect(await chain.client.getBalance({ address: account.address })).toBeLessThan(balance);
  });

  test("builds nothing while held, except when told to, and catches up when released", async () => {
    const [account] = chain.accounts;
    await chain.driver.hold();
    const before = chain.driver.head().number;
    const hash = await chain.sendPlain(account);
    await until(async () => (await chain.pending()) === 1);
    await new Promise((resolve) => setTimeout(resolve, 300)); // longer than any eager block takes
    expect(chain.driver.head().number).toBe(before);
    await chain.driver.mine();
    expect(await chain.isMined(hash)).toBe(true);
    const later = await chain.sendPlain(account);
    chain.driver.release();
    expect((await chain.receipt(later)).blockNumber).toBeGreaterThan(before + 1);
  });

  test("reports no trouble in all this", () => expect(chain.errors).toEqual([]));
});

describe("a chain with a block interval", () => {
  let chain: TestChain;
  beforeAll(async () => (chain = await startTestChain({ blockIntervalMs: 200 })));
  afterAll(() => chain.stop());

  test("builds blocks by itself, about as often as told", async () => {
    const start = { at: performance.now(), number: chain.driver.head().number };
    await until(() => chain.driver.head().number >= start.number + 5);
    const each = (performance.now() - start.at) / 5;
    expect(each).toBeGreaterThan(150);
    expect(each).toBeLessThan(2000);
  });
});

describe("a folder that is started again", () => {
  let dir: string;
  beforeEach(async () => (dir = await newFolder()));

  test("goes on with its head, its time and its contents", async () => {
    const first = await startTestChain({ dir, blockIntervalMs: NEVER });
    const [account] = first.accounts;
    await first.receipt(await first.sendPlain(account));
    const head = await first.driver.advance(1_000_000);
    await first.pause();

    const second = await startTestChain({ dir, blockIntervalMs: NEVER }, first.accounts);
    expect(second.driver.head()).toEqual(head);
    expect(await second.client.getTransactionCount({ address: account.address })).toBe(1);
    const next = await second.driver.mine();
    expect(next.timestamp).toBeGreaterThan(head.timestamp);
    expect(next.slot.header.parentRoot).toBe(head.slot.root);
    expect((await second.receipt(await second.sendPlain(account))).status).toBe("success");
    await second.stop();
  });

  test("stops the geth that a killed owner left on it", async () => {
    const first = await startTestChain({ dir, blockIntervalMs: NEVER });
    const second = await startTestChain({ dir, blockIntervalMs: NEVER }, first.accounts);
    expect((await second.driver.mine()).number).toBeGreaterThan(0);
    expect(() => process.kill(first.geth.pid, 0)).toThrow();
    await second.pause();
    await first.pause();
    await removeFolder(dir);
  });

  test("is refused with geth's own words when geth cannot run on it", async () => {
    await expect(startTestChain({ dir, geth: "/bin/false" })).rejects.toMatchObject({ code: "LF1020" });
    await expect(startTestChain({ dir, geth: "/nowhere/geth" })).rejects.toMatchObject({ code: "LF1020" });
    await removeFolder(dir);
  });
});

test("a port that is taken is named", async () => {
  const first = await startTestChain({ blockIntervalMs: NEVER });
  const taken = { rpc: first.ports.rpc };
  await expect(startTestChain({ ports: taken })).rejects.toMatchObject({
    code: "LF1021",
    message: expect.stringContaining(String(first.ports.rpc)) as unknown,
  });
  await first.stop();
});
