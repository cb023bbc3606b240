import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningIn } from "../../../devnet/background.js";
import type { Consumer } from "../../../devnet/consumer/consumer.js";
import { accountsSchema } from "../../../devnet/documents.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import type { Address } from "../../../schema/units.js";
import { outputsSchema, prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import { fault, until } from "./adversity/troubles.js";
import { consumerOf, openRehearsal, type Rehearsal } from "./rehearsal.js";
import { isRegistered } from "./registered.js";

let rehearsal: Rehearsal;
let stage: Stage;
let worker: Address;
let consumer: Consumer;
let session: ConsumerSession;
beforeAll(async () => {
  rehearsal = await openRehearsal();
  stage = await stageWith({});
  await stage.engine.run("up");
  worker = outputsSchema.parse(await stage.engine.outputs()).worker;
  consumer = await consumerOf(stage.network, stage.accountsFile);
  session = await consumer.requestSession(stage.model);
}, 600_000);
afterAll(() => rehearsal.end());

const stageWith = (config: Record<string, unknown>): Promise<Stage> =>
  prepareStage(rehearsal.folders, rehearsal.tools, rehearsal.network, () => undefined, {
    exitMaxWaitMs: 3_000,
    ...config,
  });
const failureOf = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => expect.unreachable("it should have failed"),
    (error: unknown) => (error as Error).message,
  );

describe("leaving with an open session", () => {
  test("a destroy that may not wait long enough says which job and session, until when, and what to run", async () => {
    const { jobId } = await consumer.ask(session, "Tell me about the river.");
    const message = await failureOf(stage.engine.run("destroy"));
    expect(message).toContain("LF1510");
    expect(message).toContain(`job ${jobId}`);
    expect(message).toContain(`session ${session.id}`);
    expect(message).toMatch(/until 20\d\d-\d\d-\d\dT[\d:.]+Z/);
    expect(message).toContain("pulumi destroy");
    expect(await isRegistered(stage, worker)).toBe(true);
  });

  test("a job that the open session brings meanwhile is served", async () => {
    const { answer, verified } = await consumer.ask(session, "Tell me about the stars.");
    expect(verified).toBe("verified");
    expect(answer.length).toBeGreaterThan(20);
  });

  test("an up does not take the leave back", async () => {
    expect(await failureOf(stage.engine.run("up"))).toContain("LF1207");
  });

  test("the sidecar exits by itself at the first moment the contracts allow", async () => {
    await rehearsal.network.advance(86_400 + 60);
    for (const end = Date.now() + 60_000; (await isRegistered(stage, worker)) && Date.now() < end;)
      await systemClock.sleep(100);
    expect(await isRegistered(stage, worker)).toBe(false);
    for (const end = Date.now() + 30_000; (await balanceOf(worker)) > 0n && Date.now() < end;)
      await systemClock.sleep(100);
    expect(await balanceOf(worker)).toBe(0n);
    expect(await balanceOf(stage.operator.refundTo)).toBeGreaterThan(5_050n * 10n ** 18n);
  });

  test("the next destroy finishes, and a later up does not register again without a new generation", async () => {
    await stage.engine.run("destroy");
    expect(await failureOf(stage.engine.run("up"))).toContain("LF1207");
    expect(await isRegistered(stage, worker)).toBe(false);
  });

  test("with a new generation the same worker serves again: nothing is paid before its sidecar is through with the former one", async () => {
    await sendTo(worker, 10n ** 18n); // more to leave with, and kept from being mined
    const { control } = (await runningIn(rehearsal.folders.network))!;
    const kept = fault(control, { part: "chain", kind: "withhold", match: { from: worker.toLowerCase() } });
    await kept.begin();
    stage = await stageWith({ generation: 2 });
    const going = stage.engine.run("up");
    try {
      await Promise.race([until("the payment is due", isPaymentDue, 120), going]);
      const due = await stage.client.getBlockNumber({ cacheTime: 0 });
      await until("four blocks", async () => (await stage.client.getBlockNumber({ cacheTime: 0 })) >= due + 4n);
      expect(await balanceOf(worker)).toBe(10n ** 18n);
    } finally {
      await kept.end();
    }
    await going;
    expect(outputsSchema.parse(await stage.engine.outputs()).worker).toBe(worker);
    expect(await isRegistered(stage, worker)).toBe(true);
  });

  test("and leaves again", async () => {
    await stage.engine.run("destroy");
    expect(await isRegistered(stage, worker)).toBe(false);
    expect(await balanceOf(worker)).toBe(0n);
  });
});

/** Whether the engine's run has come to what pays the worker. */
const isPaymentDue = async (): Promise<boolean> =>
  /"resourcePreEvent".*::home-funding"/.test(
    await readFile(join(rehearsal.folders.logs, "up-events.json"), "utf8").catch(() => ""),
  );

/** Somebody pays a worker directly, which nobody has to. */
async function sendTo(to: Address, value: bigint): Promise<void> {
  const { consumers } = accountsSchema.parse(JSON.parse(await readFile(stage.accountsFile, "utf8")));
  const account = privateKeyToAccount(consumers[0]!.privateKey);
  const wallet = createWalletClient({ account, transport: http(stage.network.endpoints.rpc) });
  const hash = await wallet.sendTransaction({ chain: null, to, value });
  await stage.client.waitForTransactionReceipt({ hash, pollingInterval: 100 });
}

const balanceOf = (address: Address): Promise<bigint> => stage.client.getBalance({ address });
