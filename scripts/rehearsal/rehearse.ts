import { jobStateOf } from "../../abi/job.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import type { Fork } from "../../devnet/chain/genesis.js";
import type { NetworkMode } from "../../devnet/mode.js";
import type { Address, Hash } from "../../schema/units.js";
import { resolveToolchain } from "../toolchain/resolve.js";
import { archiveEndedLife } from "./archive.js";
import { askWorker, type Asked } from "./ask.js";
import { changed } from "./engine.js";
import type { Folders } from "./folders.js";
import { startNetwork } from "./network.js";
import { tellPhases, type Phases } from "./phases.js";
import type { Report } from "./report.js";
import { selectors } from "./selectors.js";
import { needlesFor, scanForSecrets } from "./scan.js";
import { outputsSchema, prepareStage, type Stage } from "./stage.js";

/** What a rehearsal is asked to do. */
export interface RehearsalOptions {
  readonly folders: Folders;
  readonly prompt: string;
  /** How the network gives sessions to workers. Default: as its folder has it, sortition in a new one. */
  readonly mode?: NetworkMode | undefined;
  /** Stop after the job, with everything running. */
  readonly keep: boolean;
  /** Rules of the network's blocks. Default: what its folder has; `prague` in a new one. */
  readonly fork?: Fork | undefined;
  readonly say: (line: string) => void;
  /** Called before the network stops, with the hashes of everything the worker sent. */
  readonly beforeStop?: (sent: readonly Hash[]) => Promise<void>;
}

/** A worker's whole life on this machine: network, up, job, second up, destroy, second destroy. */
export async function rehearse(options: RehearsalOptions): Promise<Report> {
  const { folders, say } = options;
  const phases = tellPhases(say, () => performance.now());
  const tools = await resolveToolchain();
  const archived = await archiveEndedLife(folders);
  if (archived !== undefined) say(`the sealed keys of the former rehearsal are in ${archived}`);
  const network = await phases.run("rehearsal network", () => startNetwork(folders, tools, options));
  const stage = await prepareStage(folders, tools, network, say);

  await phases.run("pulumi up", () => stage.engine.run("up"));
  const outputs = outputsSchema.parse(await stage.engine.outputs());
  const { worker, ollama: ollamaUrl } = outputs;
  const before = await readMoney(stage, worker);
  const asked = await phases.run("encrypted job", () =>
    askWorker({ ...stage, prompt: options.prompt, ollamaUrl, say }),
  );
  const secondUp = await phases.run("second pulumi up", () => stage.engine.run("up"));
  const leaks = await phases.run("search for private keys", () => searchForKeys(stage, folders));
  const finished = { mode: network.mode, stage, worker, before, asked, secondUpChanges: changed(secondUp), leaks };
  if (options.keep) return reportOf(finished, await readMoney(stage, worker), phases, 0);

  await phases.run("a day passes", () => network.advance(86_400 + 60));
  await phases.run("pulumi destroy", () => stage.engine.run("destroy"));
  const secondDestroy = await phases.run("second pulumi destroy", () => stage.engine.run("destroy"));
  const late = await searchForKeys(stage, folders);
  const report = await reportOf(
    { ...finished, leaks: [...leaks, ...late] },
    await readMoney(stage, worker),
    phases,
    changed(secondDestroy),
  );
  const { transactions } = report;
  await options.beforeStop?.(transactions.filter(({ purpose }) => !purpose.includes("/fund/")).map(({ hash }) => hash));
  await phases.run("stop the network", () => network.stop());
  return { ...report, phases_ms: { ...phases.times } };
}

/** What the chain says about the money, at one moment. */
interface Money {
  readonly registered: boolean;
  readonly stake: bigint;
  readonly balance: bigint;
  readonly refunded: bigint;
}

async function readMoney({ client, contracts, operator }: Stage, worker: Address): Promise<Money> {
  const registry = { address: contracts.workerRegistry, abi: workerRegistryAbi, args: [worker] } as const;
  const [registered, stake, balance, refunded] = await Promise.all([
    client.readContract({ ...registry, functionName: "isWorkerRegistered" }),
    client.readContract({ ...registry, functionName: "getWorkerStake" }),
    client.getBalance({ address: worker }),
    client.getBalance({ address: operator.refundTo }),
  ]);
  return { registered, stake, balance, refunded };
}

async function searchForKeys({ operator, workerRef }: Stage, folders: Folders) {
  const needles = await needlesFor(operator.store, [workerRef]);
  return scanForSecrets([folders.root], needles);
}

interface Finished {
  readonly mode: NetworkMode;
  readonly stage: Stage;
  readonly worker: Address;
  readonly before: Money;
  readonly asked: Asked;
  readonly secondUpChanges: number;
  readonly leaks: Report["leaks"];
}

async function reportOf(
  finished: Finished,
  after: Money,
  phases: Phases,
  secondDestroyChanges: number,
): Promise<Report> {
  const { stage, worker, before, asked } = finished;
  const treasury = await stage.operator.store.read(stage.operator.treasury, "treasury");
  const funded = await fundedBy(
    stage,
    treasury.record.sent.map((tx) => tx.hash),
  );
  const earnings = await earningsOf(stage, worker);
  const state = await jobState(stage, asked.jobId);
  return {
    mode: finished.mode,
    worker,
    refund_to: stage.operator.refundTo,
    job: {
      id: asked.jobId.toString(),
      prompt: asked.prompt,
      answer: asked.answer,
      verified: asked.verified,
      equals_direct_call: asked.equalsDirectCall,
      state,
    },
    second_up_changes: finished.secondUpChanges,
    second_destroy_changes: secondDestroyChanges,
    chain: {
      registered_during: before.registered,
      deregistered: !after.registered,
      stake_locked_wei: before.stake.toString(),
      stake_returned_wei: (after.registered ? 0n : before.stake).toString(),
      earnings_wei: earnings.toString(),
      gas_spent_wei: (funded + earnings - after.refunded - after.balance - after.stake).toString(),
      funded_wei: funded.toString(),
      refunded_wei: after.refunded.toString(),
      worker_balance_after_wei: after.balance.toString(),
    },
    transactions: await transactionsOf(stage, worker, treasury.record.sent),
    phases_ms: { ...phases.times },
    secrets_found: finished.leaks.length,
    leaks: finished.leaks,
  };
}

async function fundedBy({ client }: Stage, hashes: readonly `0x${string}`[]): Promise<bigint> {
  const sent = await Promise.all(hashes.map((hash) => client.getTransaction({ hash })));
  return sent.reduce((sum, tx) => sum + tx.value, 0n);
}

/** What JobRegistry paid out to the worker. */
async function earningsOf({ client, contracts }: Stage, worker: Address): Promise<bigint> {
  const logs = await client.getContractEvents({
    address: contracts.jobRegistry,
    abi: jobRegistryAbi,
    eventName: "WorkerWithdrawal",
    args: { worker },
    fromBlock: 0n,
    strict: true,
  });
  return logs.reduce((sum, log) => sum + log.args.amount, 0n);
}

async function jobState({ client, contracts }: Stage, id: bigint): Promise<string> {
  const job = await client.readContract({
    address: contracts.jobRegistry,
    abi: jobRegistryAbi,
    functionName: "getJob",
    args: [id],
  });
  return jobStateOf(job.state);
}

/** Every transaction the worker sent, named by what it called. */
async function transactionsOf(
  { client }: Stage,
  worker: Address,
  treasury: readonly { purpose: string; hash: Hash }[],
): Promise<Report["transactions"]> {
  const named: { purpose: string; hash: Hash }[] = treasury.map(({ purpose, hash }) => ({ purpose, hash }));
  const head = await client.getBlockNumber();
  for (let number = 1n; number <= head; number++) {
    const block = await client.getBlock({ blockNumber: number, includeTransactions: true });
    for (const tx of block.transactions)
      if (tx.from.toLowerCase() === worker.toLowerCase()) named.push({ purpose: `-/-/${nameOf(tx)}`, hash: tx.hash });
  }
  return named;
}

function nameOf(tx: { type: string; input: `0x${string}`; to: Address | null }): string {
  if (tx.type === "eip4844") return "answer or rehearsal blob";
  if (tx.input === "0x") return "sweep";
  return selectors.get(tx.input.slice(0, 10)) ?? tx.input.slice(0, 10);
}
