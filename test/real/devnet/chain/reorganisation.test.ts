import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { toHex, parseEther, type Hash, type Log } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { WebSocket } from "ws";
import type { Hex } from "../../../../schema/units.js";
import { NEVER, startTestChain, until, type TestChain } from "./harness.js";

/** A contract that leaves an empty log behind at each call. */
const noisy: Hex = "0x00000000000000000000000000000000000A0A0A";
const noisyCode: Hex = "0x60006000a000";
const finalityDepth = 8;

let chain: TestChain;
let heard: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  const accounts = [key(), key(), key()] as const;
  const funded = accounts.map(({ address }) => [address, { balance: toHex(parseEther("1000")) }] as const);
  chain = await startTestChain(
    {
      blockIntervalMs: NEVER,
      finalityDepth,
      alloc: async () => ({ ...Object.fromEntries(funded), [noisy]: { balance: "0x0", code: noisyCode } }),
    },
    [...accounts],
  );
  heard = await listen(chain.wsUrl);
});
beforeEach(async () => {
  await chain.driver.hold();
  const { number } = await chain.driver.mine(finalityDepth); // whatever was before is final now
  await until(() => heard.heads().at(-1) === number);
  heard.clear();
});
afterEach(() => chain.faults.clear());
afterAll(async () => {
  heard.close();
  await chain.stop();
});
const key = () => privateKeyToAccount(generatePrivateKey());
const account = () => chain.accounts[0];
const blockOf = async (hash: Hash) => (await chain.client.getTransactionReceipt({ hash })).blockNumber;
const get = async (path: string) => {
  const answer = await fetch(`${chain.beaconUrl}${path}`);
  return { status: answer.status, body: (await answer.json()) as { data: unknown } };
};

test("the last blocks give way to a longer branch: heads go back, logs are taken back, and transactions are mined again", async () => {
  const [early, late] = [await chain.sendPlain(account(), { to: noisy }), await mined()];
  const before = chain.driver.head();
  const replaced = await chain.client.getBlock({ blockNumber: BigInt(before.number - 1) });
  await until(() => heard.logs().length === 1);
  const after = await chain.driver.reorganise(2);
  expect(after.number).toBe(before.number + 1);
  expect(after.timestamp).toBeGreaterThan(before.timestamp);
  expect(await chain.client.getBlock()).toMatchObject({ number: BigInt(after.number), hash: after.hash });

  const undone = await chain.client.getBlock({ blockNumber: replaced.number });
  expect(undone.hash).not.toBe(replaced.hash);
  expect(undone).toMatchObject({ parentHash: replaced.parentHash, transactions: [] });
  for (const hash of [early, late]) expect(await blockOf(hash)).toBeGreaterThanOrEqual(before.number);
  expect((await chain.client.getTransactionReceipt({ hash: early })).blockHash).not.toBe(replaced.hash);

  await until(() => heard.heads().at(-1) === after.number);
  expect(heard.heads()).toEqual([before.number - 1, before.number, before.number - 1, before.number, after.number]);
  await until(() => heard.logs().length === 3);
  expect(heard.logs().map(({ removed, transactionHash }) => [removed, transactionHash])).toEqual([
    [false, early],
    [true, early],
    [false, early],
  ]);

  async function mined(): Promise<Hash> {
    await chain.driver.mine();
    const hash = await chain.sendPlain(account());
    await chain.driver.mine();
    return hash;
  }
});

test("a blob returns to the pool and is served from its new slot; the old one is orphaned", async () => {
  const parent = chain.driver.head().slot;
  const blob = await chain.sendBlob(account());
  const { slot: orphan } = await chain.driver.mine();
  expect(await blockOf(blob)).toBe(BigInt(orphan.block.number));
  const { slot } = await chain.driver.reorganise(1);
  expect(await blockOf(blob)).toBe(BigInt(slot.block.number));

  expect((await get(`/eth/v1/beacon/blob_sidecars/${slot.header.slot}`)).body.data).toHaveLength(1);
  expect((await get(`/eth/v1/beacon/blob_sidecars/${orphan.header.slot}`)).status).toBe(404);
  expect((await get(`/eth/v1/beacon/headers/${orphan.header.slot}`)).status).toBe(404);
  expect((await get(`/eth/v1/beacon/headers/${orphan.root}`)).body).toMatchObject({ data: { canonical: false } });
  expect((await get(`/eth/v1/beacon/blob_sidecars/${orphan.root}`)).body.data).toHaveLength(1);
  expect((await get(`/eth/v1/beacon/headers?parent_root=${parent.root}`)).body.data).toMatchObject([
    { root: orphan.root, canonical: false },
    { canonical: true, header: { message: { slot: String(orphan.header.slot + 1) } } },
  ]);
  const { parentBeaconBlockRoot } = await chain.client.getBlock({ blockNumber: BigInt(slot.block.number) });
  expect(slot.header.parentRoot).toBe(parentBeaconBlockRoot);
});

test("what a fault withholds stays in the pool of the new branch until it may go on", async () => {
  const plain = await chain.sendPlain(account());
  const other = await chain.sendPlain(chain.accounts[1]);
  await chain.driver.mine();
  const fault = chain.faults.add({ part: "chain", kind: "withhold", match: { hash: plain } });
  await chain.driver.reorganise(1);
  expect([await chain.isMined(plain), await chain.isMined(other)]).toEqual([false, true]);
  await chain.driver.mine(2);
  expect(await chain.isMined(plain)).toBe(false);
  chain.faults.remove(fault);
  await chain.driver.mine();
  expect(await chain.isMined(plain)).toBe(true);
});

test("a branch can be replaced in its turn, down to the last final block and no further", async () => {
  const plain = await chain.sendPlain(account());
  const first = await chain.driver.mine();
  await chain.driver.reorganise(1);
  await chain.driver.reorganise(2);
  const head = chain.driver.head();
  expect(head.number).toBe(first.number + 2);
  expect(await chain.isMined(plain)).toBe(true);

  await expect(chain.driver.reorganise(finalityDepth + 1)).rejects.toMatchObject({ code: "LF1045" });
  expect(chain.driver.head()).toBe(head);
  const final = chain.driver.finalized();
  const { hash } = await chain.client.getBlock({ blockTag: "finalized" });
  expect((await chain.driver.reorganise(finalityDepth)).number).toBe(head.number + 1);
  expect(chain.driver.finalized()).toBe(final + 1);
  expect((await chain.client.getBlock({ blockNumber: BigInt(final) })).hash).toBe(hash);
  expect(await chain.isMined(plain)).toBe(true);
  expect(chain.errors).toEqual([]);
});

/** What a node pushes about new heads and logs. */
async function listen(wsUrl: string) {
  const said: { head?: number; log?: Log }[] = [];
  const socket = new WebSocket(wsUrl);
  await new Promise((resolve) => socket.once("open", resolve));
  let subscribed = 0;
  socket.on("message", (data: Buffer) => {
    const { params } = JSON.parse(data.toString()) as { params?: { result: Log & { number?: string } } };
    if (params === undefined) subscribed++;
    else if (params.result.number === undefined) said.push({ log: params.result });
    else said.push({ head: Number(params.result.number) });
  });
  for (const about of ["newHeads", "logs"])
    socket.send(
      JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "eth_subscribe",
        params: about === "logs" ? [about, { address: noisy }] : [about],
      }),
    );
  await until(() => subscribed === 2);
  return {
    heads: () => said.flatMap(({ head }) => (head === undefined ? [] : [head])),
    logs: () => said.flatMap(({ log }) => (log === undefined ? [] : [log])),
    clear: () => said.splice(0),
    close: () => socket.terminate(),
  };
}
