import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, createWalletClient, encodeFunctionData, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { aiConfigAbi } from "../../../abi/ai-config.js";
import { createConsumer, type Consumer } from "../../../devnet/consumer/consumer.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import { startDevnet, type Devnet } from "../../../devnet/network.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { wei } from "../../../schema/units.js";
import { loadKzg } from "../../../system/kzg.js";
import { stopProcess } from "../../../system/process.js";
import { startOllama } from "../devnet/model/ollama.js";
import { tool } from "../toolchain.js";
import { exitOf, realWorker, type RealWorker } from "./started.js";

/* One worker on one network, in dispatcher mode first; each test goes on where the one before ended. */
const model = "tiny-poet:1b";
let folder: string;
let devnet: Devnet;
let ollama: Awaited<ReturnType<typeof startOllama>>;
let worker: RealWorker;
let running: ChildProcess;
let consumer: Consumer;
let session: ConsumerSession;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-dispatched-"));
  [devnet, ollama] = await Promise.all([
    startDevnet({ dir: join(folder, "devnet"), tools: { geth: await tool("geth") }, mode: "dispatcher" }),
    startOllama(await tool("ollama")),
  ]);
  const pull = devnet.models.find(({ name }) => name === model)!.pull;
  await ollama.client.pull({ model: pull, insecure: true });
  await ollama.client.copy({ source: pull, destination: model });
  const { treasury, consumers } = devnet.accounts;
  worker = await realWorker({
    ...{ folder: join(folder, "worker"), network: devnet.network, model, ollamaUrl: ollama.url },
    refundTo: treasury.address,
  });
  running = worker.start();
  await worker.until(({ block }) => block !== null, "started");
  await send(treasury.privateKey, { to: worker.address, value: parseEther("5100") });
  consumer = await createConsumer({
    network: devnet.network,
    account: privateKeyToAccount(consumers[0]!.privateKey),
    kzg: await loadKzg(),
  });
});
afterAll(async () => {
  await stopProcess(running);
  await ollama.stop();
  await devnet.stop();
  await rm(folder, { recursive: true, force: true });
});

// What went wrong in the worker, it alone can say.
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => void process.stderr.write(`${(await worker.log()).split("\n").slice(-60).join("\n")}\n`));
});

async function send(key: `0x${string}`, tx: { to: `0x${string}`; value?: bigint; data?: `0x${string}` }) {
  const transport = http(devnet.network.endpoints.rpc);
  const wallet = createWalletClient({ account: privateKeyToAccount(key), transport });
  const hash = await wallet.sendTransaction({ ...tx, chain: null });
  await createPublicClient({ transport, pollingInterval: 100 }).waitForTransactionReceipt({ hash });
}
/** The network's owner changes how sessions are given out, under the running worker. */
async function switchTo(mode: "sortition" | "dispatcher") {
  const args = [mode === "sortition"] as const;
  const data = encodeFunctionData({ abi: aiConfigAbi, functionName: "setSortitionEnabled", args });
  await send(devnet.accounts.owner.privateKey, { to: devnet.network.contracts.aiConfig!, data });
}
const framesOf = (job: bigint, of = session) =>
  devnet.gateway
    .frames(of.id)
    .map((text) => JSON.parse(text) as { type: string; jobId: number; seq: number })
    .filter(({ jobId }) => BigInt(jobId) === job);

describe("a real sidecar on a network that has a dispatcher", () => {
  test("goes live on the job stream, is named by the dispatcher, and answers by HTTP alone", async () => {
    const serving = {
      ...{ generation: 1, models: [modelIdOf(model)] },
      ...{ stake: { kind: "minimum" as const, max: wei(parseEther("5000")) }, gasReserve: wei(parseEther("5")) },
    };
    await worker.call({ op: "live", serving });
    const live = await worker.until(({ mode }) => mode === "live", "live");
    expect(live).toMatchObject({ claiming: false, selection: "dispatcher", blockers: [] });
    session = await consumer.requestSession(model);
    expect(session).toMatchObject({ worker: worker.address, requestId: null });
    const { jobId, verified } = await consumer.ask(session, "Tell me about the river, please.");
    expect(verified).toBe("verified");
    expect(framesOf(jobId).map(({ type, seq }) => [type, seq])).toEqual([["complete", 1]]);
    expect(devnet.gateway.streaming()).toEqual([]);
    await vi.waitFor(() =>
      expect(devnet.gateway.jobs.standing(jobId)).toEqual({ standing: "done", offers: 1, error: null }),
    );
  });

  test("answers a job although its offer was lost: the chain tells of it, and the next offer is answered, too", async () => {
    devnet.faults.add({
      ...{ part: "gateway", kind: "drop", times: 1 },
      match: { method: "FRAME", path: "/api/jobs/stream" },
    });
    const { jobId, verified } = await consumer.ask(session, "And the mountain?");
    expect(verified).toBe("verified");
    await vi.waitFor(() => expect(devnet.gateway.jobs.standing(jobId)?.standing).toBe("done"), { timeout: 30_000 });
    expect(devnet.gateway.jobs.standing(jobId)).toMatchObject({ offers: 2, error: null });
    expect(framesOf(jobId)).toHaveLength(1);
  });

  test("a network that turns to sortition under it loses no job: it claims, streams, and serves what was open", async () => {
    const pending = await consumer.submit(session, "Tell me about the stars.");
    await switchTo("sortition");
    expect((await consumer.follow(pending)).verified).toBe("verified");
    await worker.until(({ mode, claiming }) => mode === "live" && claiming, "claims");
    await vi.waitFor(() => expect(devnet.gateway.jobs.free(worker.address)).toBeUndefined());
    const drawn = await consumer.requestSession(model);
    expect(drawn).toMatchObject({ worker: worker.address });
    expect(drawn.requestId).not.toBeNull();
    const answered = await consumer.ask(drawn, "Tell me about the river.");
    expect(answered).toMatchObject({ verified: "verified", streamed: answered.answer });
    expect((await consumer.ask(session, "Are you still there?")).verified).toBe("verified");
  });

  test("and back again, after a restart as well", async () => {
    await switchTo("dispatcher");
    await worker.until(({ mode, selection }) => mode === "live" && selection === "dispatcher", "dispatched");
    running.kill("SIGTERM");
    expect(await exitOf(running)).toBe(0);
    running = worker.start();
    await worker.until(({ mode }) => mode === "live", "live again");
    const next = await consumer.requestSession(model);
    expect(next.requestId).toBeNull();
    const { jobId, verified } = await consumer.ask(next, "Tell me about the moon.");
    expect(verified).toBe("verified");
    expect(framesOf(jobId, next)).toHaveLength(1);
    expect(await worker.log()).not.toMatch(/"level":"(fatal|error)"/);
  });
});
