import { pino } from "pino";
import type { PublicClient } from "viem";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { watchHeads, type Heads } from "../../../../sidecar/adapters/heads.js";
import { systemClock } from "../../../../system/clock.js";
import { NEVER, startTestChain, until, type TestChain } from "../../devnet/chain/harness.js";

describe("heads of a real node", () => {
  let chain: TestChain;
  let heads: Heads;
  let heard: bigint[];
  beforeAll(async () => (chain = await startTestChain({ blockIntervalMs: NEVER })));
  afterEach(async () => {
    chain.faults.clear();
    await heads.close();
  });
  afterAll(() => chain.stop());

  const watch = (options: { pollMs: number; ws: boolean }): void => {
    const log = pino({ level: "silent" });
    const client = chain.client as unknown as PublicClient;
    const ws = options.ws ? chain.wsUrl : undefined;
    heads = watchHeads({ client, ws, pollMs: options.pollMs, clock: systemClock, log });
    heard = [];
    heads.listen((head) => heard.push(head.number));
  };
  const mineAndHear = async (): Promise<number> => {
    const { number } = await chain.driver.mine();
    const mined = performance.now();
    await until(() => heard.at(-1) === BigInt(number));
    return performance.now() - mined;
  };

  test("are pushed: told at once, long before the next poll", async () => {
    watch({ pollMs: 60_000, ws: true });
    await until(() => heard.length > 0);
    await until(async () => {
      await chain.driver.mine(); // the subscription needs a moment
      await systemClock.sleep(50);
      return heard.length > 1;
    });
    const delays: number[] = [];
    for (let block = 0; block < 5; block++) delays.push(await mineAndHear());
    expect(Math.min(...delays)).toBeLessThan(100);
    expect([...heard].sort((a, b) => Number(a - b))).toEqual(heard);
    expect((await heads.read()).number).toBe(heard.at(-1));
  });

  test("are polled where nothing is pushed, and each is told once", async () => {
    watch({ pollMs: 50, ws: false });
    await mineAndHear();
    await mineAndHear();
    await systemClock.sleep(200);
    expect(new Set(heard).size).toBe(heard.length);
  });

  test("go on to be polled when the push is cut, and are pushed again afterwards", async () => {
    chain.faults.add({ part: "ws", kind: "drop" });
    watch({ pollMs: 100, ws: true });
    expect(await mineAndHear()).toBeLessThan(2_000);
    chain.faults.clear();
    await heads.close();
    watch({ pollMs: 100, ws: true });
    expect(await mineAndHear()).toBeLessThan(2_000);
  });

  test("come again after the node could not be asked for a while", async () => {
    watch({ pollMs: 50, ws: false });
    await mineAndHear();
    chain.faults.add({ part: "rpc", kind: "drop", match: { method: "eth_getBlockByNumber" } });
    await chain.driver.mine();
    await systemClock.sleep(300);
    const before = heard.length;
    chain.faults.clear();
    await until(() => heard.length > before);
  });
});
