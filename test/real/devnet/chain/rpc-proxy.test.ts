import { createPublicClient, webSocket } from "viem";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { NEVER, startTestChain, until, type TestChain } from "./harness.js";

describe("the door to the node", () => {
  let chain: TestChain;
  beforeAll(async () => (chain = await startTestChain({ blockIntervalMs: NEVER })));
  afterEach(() => void chain.faults.clear());
  afterAll(() => chain.stop());

  const call = (method: string, signal?: AbortSignal) =>
    fetch(chain.rpcUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [] }),
      ...(signal ? { signal } : {}),
    });

  test("passes calls and answers on", async () => {
    expect(await (await call("eth_chainId")).json()).toEqual({ jsonrpc: "2.0", id: 1, result: "0xbc5d" });
  });

  test("answers an HTTP error as often as it was told, for the methods it was told", async () => {
    chain.faults.add({ part: "rpc", kind: "status", status: 502, times: 1, match: { method: "eth_blockNumber" } });
    expect((await call("eth_chainId")).status).toBe(200);
    expect((await call("eth_blockNumber")).status).toBe(502);
    expect((await call("eth_blockNumber")).status).toBe(200);
  });

  test("cuts the connection", async () => {
    chain.faults.add({ part: "rpc", kind: "drop", times: 1 });
    await expect(call("eth_chainId")).rejects.toThrow("fetch failed");
    expect((await call("eth_chainId")).status).toBe(200);
  });

  test("answers late", async () => {
    chain.faults.add({ part: "rpc", kind: "delay", delayMs: 200, times: 1 });
    const start = performance.now();
    expect((await call("eth_chainId")).status).toBe(200);
    expect(performance.now() - start).toBeGreaterThanOrEqual(195);
  });

  test("hangs until the fault is removed, and survives callers who give up", async () => {
    const id = chain.faults.add({ part: "rpc", kind: "hang" });
    await expect(call("eth_chainId", AbortSignal.timeout(150))).rejects.toThrow();
    const patient = call("eth_chainId");
    await until(() => chain.faults.list()[0]?.struck === 2);
    chain.faults.remove(id);
    expect((await patient).status).toBe(200);
  });

  describe("for WebSockets", () => {
    const heads = async () => {
      const client = createPublicClient({ transport: webSocket(chain.wsUrl, { reconnect: false, keepAlive: false }) });
      const numbers: bigint[] = [];
      const errors: unknown[] = [];
      const unwatch = client.watchBlockNumber({
        onBlockNumber: (number) => numbers.push(number),
        onError: (error) => errors.push(error),
      });
      await until(async () => {
        await chain.driver.mine();
        return numbers.length > 0;
      });
      return { numbers, errors, unwatch };
    };

    test("pushes new heads", async () => {
      const { numbers, unwatch } = await heads();
      const { number } = await chain.driver.mine();
      await until(() => numbers.includes(BigInt(number)));
      unwatch();
    });

    test("falls silent while frozen and tells everything afterwards", async () => {
      const { numbers, unwatch } = await heads();
      const { number: last } = await chain.driver.mine(); // may have gone through before the door froze
      const id = chain.faults.add({ part: "ws", kind: "hang" });
      const { number } = await chain.driver.mine(3);
      await new Promise((resolve) => setTimeout(resolve, 200)); // a head comes within milliseconds when nothing is frozen
      expect(numbers.filter((seen) => seen > BigInt(last))).toEqual([]);
      chain.faults.remove(id);
      await until(() => numbers.includes(BigInt(number)));
      unwatch();
    });

    test("cuts open connections and refuses new ones", async () => {
      const { errors, unwatch } = await heads();
      chain.faults.add({ part: "ws", kind: "drop" });
      await until(() => errors.length > 0);
      await expect(
        createPublicClient({ transport: webSocket(chain.wsUrl, { retryCount: 0 }) }).getBlockNumber(),
      ).rejects.toThrow();
      unwatch();
    });
  });
});
