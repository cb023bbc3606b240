import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createConsumer, type Consumer } from "../../../../devnet/consumer/consumer.js";
import { NoWorkerFree } from "../../../../devnet/consumer/errors.js";
import type { ConsumerSession } from "../../../../devnet/consumer/open-session.js";
import { startDevnet, type Devnet } from "../../../../devnet/network.js";
import { seal } from "../../../../protocol/envelope.js";
import { utf8 } from "../../../../protocol/go-text.js";
import { chainSeconds, type JobId } from "../../../../schema/units.js";
import { loadKzg, type Kzg } from "../../../../system/kzg.js";
import { startScriptedWorker } from "../consumer/scripted-worker.js";
import { tool } from "../../toolchain.js";

const MODEL = "tiny-echo";
type Worker = Awaited<ReturnType<typeof startScriptedWorker>>;
let dir: string;
let kzg: Kzg;
let devnet: Devnet;
let consumer: Consumer;
let first: Worker;
let second: Worker;

const start = async (mode?: "sortition" | "dispatcher") =>
  startDevnet({ dir, tools: { geth: await tool("geth") }, blocks: { blockIntervalMs: 200 }, ...(mode && { mode }) });
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lightchain-dispatcher-"));
  [kzg, devnet] = await Promise.all([loadKzg(), start("dispatcher")]);
  const account = privateKeyToAccount(devnet.accounts.consumers[0]!.privateKey);
  consumer = await createConsumer({ network: devnet.network, account, kzg });
  first = await startScriptedWorker(devnet, kzg, MODEL);
  second = await startScriptedWorker(devnet, kzg, MODEL);
});
afterAll(async () => {
  for (const worker of [first, second]) worker.stop();
  await devnet.stop();
  await rm(dir, { recursive: true });
});
afterEach(() => void devnet.faults.clear());

const eventually = <T>(look: () => T | Promise<T>) => vi.waitFor(look, { timeout: 20_000, interval: 50 });
/** What a good worker does with a job that it was told of. */
async function answer(worker: Worker, job: JobId, text: string): Promise<void> {
  await worker.acknowledge(job);
  const { key, sessionId } = await worker.prompt(job);
  const ciphertext = seal(key, utf8(text));
  await worker.end(job, sessionId, ciphertext, 1);
  await worker.settle(job, ciphertext);
}
const noticesOf = (session: ConsumerSession) =>
  devnet.gateway
    .frames(session.id)
    .map((text) => JSON.parse(text) as { type: string })
    .filter(({ type }) => ["reassignment_required", "reassigned", "closed"].includes(type));

describe("a network in dispatcher mode", () => {
  test("has no worker to give while none has said that it is ready", async () => {
    const asked = consumer.requestSession(MODEL, { expiresIn: chainSeconds(2n) });
    await expect(asked).rejects.toThrow(NoWorkerFree);
    await first.beat();
    await expect(consumer.requestSession(MODEL, { expiresIn: chainSeconds(1n) })).rejects.toThrow(NoWorkerFree);
  });

  test("opens a session by the dispatcher's word, pushes its job to the worker, and the answer verifies", async () => {
    await first.beat();
    const jobs = await first.takeJobs();
    devnet.faults.add({
      ...{ part: "dispatcher", kind: "status", status: 401, times: 1 },
      match: { path: "/api/sessions/select" },
    });
    const session = await consumer.requestSession(MODEL);
    expect(session).toMatchObject({ worker: first.address, requestId: null });
    const pending = await consumer.submit(session, "What of the river?");
    await eventually(() => expect(jobs.heard).toHaveLength(1));
    expect(jobs.heard[0]).toMatchObject({
      jobId: pending.jobId,
      sessionId: session.id,
      consumer: consumer.address,
      worker: first.address,
      modelId: session.modelId,
      priorJobIds: [],
    });
    jobs.say({ type: "ack", jobId: pending.jobId });
    const [answered] = await Promise.all([
      consumer.follow(pending),
      answer(first, pending.jobId, "It is still there."),
    ]);
    expect(answered).toMatchObject({ answer: "It is still there.", verified: "verified" });
    jobs.say({ type: "done", jobId: pending.jobId, error: null });
    await eventually(() => expect(devnet.gateway.jobs.standing(pending.jobId)?.standing).toBe("done"));

    const next = await consumer.submit(session, "And now?");
    await eventually(() => expect(jobs.heard.at(-1)?.priorJobIds).toEqual([pending.jobId]));
    jobs.cut();
    await Promise.all([consumer.follow(next), answer(first, next.jobId, "Still.")]);
    await consumer.closeSession(session);
    await eventually(() => expect(noticesOf(session)).toMatchObject([{ type: "closed" }]));
  });

  test("brings a session whose worker missed a job to another one, with its key and its history", async () => {
    await Promise.all([first.beat(), second.beat(2)]); // the second has no place
    const missed = await first.takeJobs();
    const taken = await second.takeJobs();
    const session = await consumer.requestSession(MODEL);
    expect(session.worker).toBe(first.address);
    const lost = await consumer.submit(session, "Anybody there?");
    await eventually(() => expect(missed.heard.at(-1)?.jobId).toBe(lost.jobId));
    await lost.abandon();
    await devnet.driver.advance(95);
    await consumer.claimTimeout(lost.jobId);
    await eventually(() => expect(noticesOf(session)).toMatchObject([{ type: "reassignment_required" }]));
    expect(devnet.gateway.jobs.standing(lost.jobId)).toBeUndefined();

    const moved = await consumer.reassignSession(session);
    expect(moved).toMatchObject({ id: session.id, worker: second.address });
    await eventually(() =>
      expect(noticesOf(session).at(-1)).toMatchObject({ type: "reassigned", newWorker: second.address }),
    );
    const pending = await consumer.submit(moved, "And you?");
    await eventually(() =>
      expect(taken.heard.at(-1)).toMatchObject({ jobId: pending.jobId, priorJobIds: [lost.jobId] }),
    );
    const [answered] = await Promise.all([consumer.follow(pending), answer(second, pending.jobId, "Here.")]);
    expect(answered).toMatchObject({ answer: "Here.", verified: "verified" });
  });
});

test("a folder keeps its mode, and says so when it is asked for another", async () => {
  await devnet.stop();
  await expect(start("sortition")).rejects.toMatchObject({ code: "LF1050" });
  devnet = await start();
  await second.relog();
  await second.beat();
  await second.takeJobs();
  const session = await consumer.requestSession(MODEL);
  expect(session).toMatchObject({ worker: second.address, requestId: null });
});
