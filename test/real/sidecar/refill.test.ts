import { parseEther } from "viem";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelIdOf } from "../../../protocol/model-id.js";
import { wei } from "../../../schema/units.js";
import { model, prepareGround, type Ground } from "./kills/ground.js";

let ground: Ground;
beforeAll(async () => {
  ground = await prepareGround({ contracts: { claimWindowBlocks: 1 } });
});
afterAll(() => ground?.stop());

const answered = async (): Promise<void> => {
  const session = await ground.consumer.requestSession(model);
  expect(await ground.consumer.ask(session, "Tell me about the stars.")).toMatchObject({ verified: "verified" });
  await ground.consumer.closeSession(session);
};

test("a worker whose reserve is half used withdraws what it has earned, once, and serves on", async () => {
  const { worker, devnet, client } = ground;
  await answered();
  await devnet.driver.advance(50 * 3_600); // its dispute window, and as long as a release waits for others
  const paid = await worker.until(({ earnings, jobs }) => earnings > 0n && jobs.length === 0, "paid", 60_000);
  expect(paid.transactions.filter(({ purpose }) => purpose.includes("/withdraw/"))).toEqual([]); // its reserve is there
  const before = await client.getBalance({ address: worker.address });

  const stake = { kind: "minimum", max: wei(parseEther("5000")) } as const;
  const gasReserve = wei(3n * before);
  await worker.call({ op: "live", serving: { generation: 1, models: [modelIdOf(model)], stake, gasReserve } });
  const filled = await worker.until(({ earnings }) => earnings === 0n, "withdrawn", 60_000);
  const withdrawals = filled.transactions.filter(({ purpose }) => purpose.includes("/withdraw/"));
  expect(withdrawals).toHaveLength(1);
  const fee = withdrawals[0]!.fee ?? 0n;
  expect(await client.getBalance({ address: worker.address })).toBe(before + paid.earnings - fee);

  await answered();
  const { mode, trouble, blockers } = await worker.until(({ claiming }) => claiming, "claims", 60_000);
  expect({ mode, trouble, blockers }).toEqual({ mode: "live", trouble: null, blockers: [] });
});
