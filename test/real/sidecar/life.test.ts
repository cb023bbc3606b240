import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, createWalletClient, formatEther, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createConsumer, type Consumer } from "../../../devnet/consumer/consumer.js";
import type { Answer } from "../../../devnet/consumer/follow.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import { loadKzg } from "../../../system/kzg.js";
import { startDevnet, type Devnet } from "../../../devnet/network.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { wei, type Address } from "../../../schema/units.js";
import { stopProcess } from "../../../system/process.js";
import { until } from "../devnet/chain/harness.js";
import { startOllama } from "../devnet/model/ollama.js";
import { tool } from "../toolchain.js";
import { exitOf, realWorker, type RealWorker } from "./started.js";

const model = "tiny-poet:1b";
/** Seconds on the chain until Osaka's rules hold: more than the life before it takes. */
const osakaAfter = 7_200;
let folder: string;
let devnet: Devnet;
let ollama: Awaited<ReturnType<typeof startOllama>>;
let worker: RealWorker;
let consumer: Consumer;
let running: ChildProcess | undefined;
const treasury = () => privateKeyToAccount(devnet.accounts.treasury.privateKey);
const client = () => createPublicClient({ transport: http(devnet.network.endpoints.rpc) });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-sidecar-"));
  [devnet, ollama] = await Promise.all([
    startDevnet({ dir: join(folder, "devnet"), tools: { geth: await tool("geth") }, osakaAfter }),
    startOllama(await tool("ollama")),
  ]);
  const pull = devnet.models.find(({ name }) => name === model)!.pull;
  await ollama.client.pull({ model: pull, insecure: true });
  await ollama.client.copy({ source: pull, destination: model });
  worker = await realWorker({
    folder: join(folder, "worker"),
    network: devnet.network,
    model,
    ollamaUrl: ollama.url,
    refundTo: treasury().address,
  });
  consumer = await createConsumer({
    network: devnet.network,
    account: privateKeyToAccount(devnet.accounts.consumers[0]!.privateKey),
    kzg: await loadKzg(),
  });
});
afterAll(async () => {
  if (running) await stopProcess(running);
  await ollama.stop();
  await devnet.stop();
  await rm(folder, { recursive: true, force: true });
});

// What went wrong in the worker, it alone can say.
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => void process.stderr.write(`${(await worker.log()).split("\n").slice(-60).join("\n")}\n`));
});

test("stands by, goes live, answers and is paid, survives a kill and the fork to Osaka, leaves with everything, exits 0", async () => {
  running = worker.start();
  const standby = await worker.until(({ block }) => block !== null, "started");
  expect(standby).toMatchObject({ mode: "standby", registered: false, trouble: null, worker: worker.address });

  const stake = await client().getBalance({ address: worker.address });
  expect(stake).toBe(0n);
  const funder = createWalletClient({ account: treasury(), transport: http(devnet.network.endpoints.rpc) });
  const hash = await funder.sendTransaction({ to: worker.address, value: parseEther("5100"), chain: null });
  await client().waitForTransactionReceipt({ hash });
  await worker.call({
    op: "live",
    serving: {
      generation: 1,
      models: [modelIdOf(model)],
      stake: { kind: "minimum", max: wei(parseEther("5000")) },
      gasReserve: wei(parseEther("5")),
    },
  });
  const begun = performance.now();
  const live = await worker.until(({ mode }) => mode === "live", "live");
  console.log(
    `live after ${Math.round(performance.now() - begun)} ms`,
    live.transactions.map(({ purpose }) => purpose),
  );
  expect(live).toMatchObject({ registered: true, claiming: true, rehearsed: true, blockers: [] });

  const session = await consumer.requestSession(model);
  expect(session.worker).toBe(worker.address);
  const first = await consumer.ask(session, "Tell me about the river, please.");
  console.log(first.answer, first.timings);
  expect(first.verified).toBe("verified");

  const pending = await consumer.submit(session, "And the mountain?");
  running.kill("SIGKILL");
  await exitOf(running);
  running = worker.start();
  const second = await consumer.follow(pending);
  expect(second.verified).toBe("verified");

  const later = await sessionBeforeTheFork();
  expect((await answerAcrossTheFork(later)).verified).toBe("verified");

  await worker.call({ op: "leave", generation: 1 });
  const third = await consumer.ask(later, "Tell me about the river again.");
  expect(third.verified).toBe("verified");
  await worker.until(({ mode, nextAt }) => mode === "leaving" && nextAt !== null, "waits for its dispute windows");
  await devnet.driver.advance(25 * 3_600);
  const gone = await worker.until(({ mode }) => mode === "gone", "gone");
  expect(gone.registered).toBe(false);
  expect(await client().getBalance({ address: worker.address })).toBeLessThan(parseEther("0.001"));
  console.log("left in the worker's account:", formatEther(await client().getBalance({ address: worker.address })));

  running.kill("SIGTERM");
  expect(await exitOf(running)).toBe(0);
  const log = await worker.log();
  expect(log).not.toMatch(/"level":"fatal"/);
});

/** Seconds on the chain until the fork. */
async function untilOsaka(): Promise<number> {
  const { timestamp: begin } = await client().getBlock({ blockNumber: 0n });
  const { driver } = devnet;
  return Number(begin) + osakaAfter - Math.max(Number(driver.head().timestamp), Number(driver.now()));
}

/** A session that is opened so short before the fork that a job's time reaches beyond it. */
async function sessionBeforeTheFork(): Promise<ConsumerSession> {
  await devnet.driver.advance((await untilOsaka()) - 60);
  return consumer.requestSession(model);
}

/** Asks so that the answer's blob is signed and in the pool by Prague's rules, and mined by Osaka's. */
async function answerAcrossTheFork(session: ConsumerSession): Promise<Answer> {
  const from = worker.address.toLowerCase() as Address;
  devnet.faults.add({ part: "chain", kind: "withhold", match: { from, type: "blob" } });
  const pending = await consumer.submit(session, "And the stars?");
  const withheld = (): boolean => devnet.faults.list().some(({ struck }) => struck > 0);
  await until(withheld);
  expect(devnet.driver.head().slot.fork).toBe("prague");
  await devnet.driver.advance(await untilOsaka());
  expect(devnet.driver.head().slot.fork).toBe("osaka");
  devnet.faults.clear();
  return consumer.follow(pending);
}
