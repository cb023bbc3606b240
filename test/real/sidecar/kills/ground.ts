import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createPublicClient, createWalletClient, http, parseEther, type Hex, type PublicClient } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { createConsumer, type Consumer } from "../../../../devnet/consumer/consumer.js";
import { startDevnet, type Devnet, type DevnetOptions } from "../../../../devnet/network.js";
import { modelIdOf } from "../../../../protocol/model-id.js";
import type { ControlRequest, SidecarStatus } from "../../../../schema/control.js";
import { wei } from "../../../../schema/units.js";
import { stopProcess } from "../../../../system/process.js";
import { loadKzg } from "../../../../system/kzg.js";
import { startOllama } from "../../devnet/model/ollama.js";
import { tool } from "../../toolchain.js";
import { realWorker, type RealWorker } from "../started.js";
import { startPausingProxy, type PausingProxy } from "./pausing-proxy.js";

/** Everything a killed worker stands on: a rehearsal network, a real Ollama whose answers can be stopped, a consumer, and a worker that is live. */
export interface Ground {
  readonly devnet: Devnet;
  readonly client: PublicClient;
  readonly ollama: PausingProxy;
  /** Ends Ollama itself, for good. */
  killOllama(): Promise<void>;
  readonly consumer: Consumer;
  readonly worker: RealWorker;
  /** The worker's first process; whoever kills it starts the next, and ends the last. */
  readonly running: ChildProcess;
  /** What the running worker says of its newest job and its open transactions. */
  now(): Promise<View>;
  /** What the journal of the dead worker says of them; a running one lets nobody else look. */
  onDisk(): View;
  stop(): Promise<void>;
}

/** Where a worker stands. */
export interface View {
  readonly job: { readonly id: bigint; readonly state: string } | null;
  /** Signed and not yet known to be mined. */
  readonly open: readonly { readonly purpose: string; readonly hash: Hex }[];
}

export const model = "tiny-poet:1b";

/** What a worker of this ground is told when it is to serve. */
export const goLive: ControlRequest = {
  op: "live",
  serving: {
    generation: 1,
    models: [modelIdOf(model)],
    stake: { kind: "minimum", max: wei(parseEther("5000")) },
    gasReserve: wei(parseEther("5")),
  },
};

/** @param options how the rehearsal network differs from the default */
export async function prepareGround(options: Pick<DevnetOptions, "blocks" | "contracts"> = {}): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), "lf-kills-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const devnet = await startDevnet({
      dir: join(folder, "devnet"),
      tools: { geth: await tool("geth") },
      ...options,
    });
    undo.push(() => devnet.stop());
    const real = await startOllama(await tool("ollama"));
    undo.push(() => real.stop());
    const pull = devnet.models.find(({ name }) => name === model)!.pull;
    await real.client.pull({ model: pull, insecure: true });
    await real.client.copy({ source: pull, destination: model });
    const ollama = await startPausingProxy(real.url);
    undo.push(() => ollama.stop());

    const { network, accounts } = devnet;
    const transport = http(network.endpoints.rpc);
    const client = createPublicClient({ transport, cacheTime: 0 });
    const treasury = privateKeyToAccount(accounts.treasury.privateKey);
    const worker = await realWorker({
      folder: join(folder, "worker"),
      network,
      model,
      ollamaUrl: ollama.url,
      refundTo: treasury.address,
    });
    const running = worker.start();
    undo.push(() => stopProcess(running));
    await worker.until(({ block }) => block !== null, "started");
    const hash = await createWalletClient({ account: treasury, transport }).sendTransaction({
      to: worker.address,
      value: parseEther("5100"),
      chain: null,
    });
    await client.waitForTransactionReceipt({ hash, pollingInterval: 50 });
    await worker.call(goLive);
    // The last step of joining is mined a block after sessions can be claimed, and would be counted as a job's.
    const hasJoined = ({ mode, claiming, transactions }: SidecarStatus): boolean =>
      mode === "live" &&
      claiming &&
      transactions.some(({ purpose, outcome }) => purpose.includes("/setCapabilities/") && outcome === "mined");
    await worker.until(hasJoined, "live");
    const account = privateKeyToAccount(accounts.consumers[0]!.privateKey);
    const consumer = await createConsumer({ network, account, kzg: await loadKzg() });
    const now = async (): Promise<View> => {
      const { jobs, transactions } = await worker.call({ op: "status" });
      const job = jobs.reduce<View["job"]>((newest, one) => (newest && newest.id > one.id ? newest : one), null);
      return { job, open: transactions.filter(({ outcome }) => outcome === "open") };
    };
    const path = join(worker.folder, "state", "journal.sqlite");
    const killOllama = async (): Promise<void> => {
      await real.stop();
      ollama.cut();
    };
    return {
      devnet,
      client,
      ollama,
      killOllama,
      consumer,
      worker,
      running,
      now,
      onDisk: () => readJournal(path),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function readJournal(path: string): View {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const job = database.prepare("SELECT id, state FROM jobs ORDER BY length(id) DESC, id DESC LIMIT 1").get();
    const open = database.prepare("SELECT purpose, hash FROM transactions WHERE outcome = 'open'").all();
    return {
      job: job === undefined ? null : { id: BigInt(job["id"] as string), state: job["state"] as string },
      open: open as unknown as View["open"],
    };
  } finally {
    database.close();
  }
}
