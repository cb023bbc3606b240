import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, custom, type Hex, type PublicClient } from "viem";
import { resolveContracts, type Contracts } from "../../../abi/bootstrap.js";
import { addresses } from "../../../devnet/contracts/addresses.js";
import type { ContractSettingsInput } from "../../../devnet/contracts/settings.js";
import { openFileStore } from "../../../keystore/file-store.js";
import type { RecordRef, SecretStore, WorkerRecord } from "../../../keystore/store.js";
import { importTreasury } from "../../../keystore/treasury.js";
import { generateWorkerRecord } from "../../../keystore/worker-keys.js";
import { converge, type ConvergeOptions, type ConvergeOutcome } from "../../../lifecycle/apply.js";
import { pastFundings, planFunding, type FundingPlan } from "../../../lifecycle/fund.js";
import { fromStored } from "../../../lifecycle/ledger.js";
import { nodeOf } from "../../../lifecycle/node.js";
import { createObserver } from "../../../lifecycle/observe.js";
import { openStoredSender, type StoredSender } from "../../../lifecycle/stored-sender.js";
import type { Desired, Observed } from "../../../lifecycle/types.js";
import type { Address, ModelId } from "../../../schema/units.js";
import { wei } from "../../../schema/units.js";
import type { Clock } from "../../../system/clock.js";
import { cheapKdf, passphraseOf } from "../../keystore/fixtures.js";
import { lifeOn, usual, type Life } from "../devnet/contracts/life.js";
import { lcai, startTestNetwork, who, type TestNetwork } from "../devnet/contracts/network.js";

const chainId = 48_221;
export const capital = lcai("20000");
const refs = { worker: `worker/${chainId}/home`, treasury: `treasury/${chainId}/main` } as const satisfies Record<
  string,
  RecordRef
>;
/** Nobody's: everything comes back here. */
export const refundTo: Address = "0xD0d0000000000000000000000000000000000001";

/** A worker's record and a treasury in a real store, on the devnet's contracts on anvil. Waiting mines blocks. */
export class World {
  private constructor(
    readonly network: TestNetwork,
    readonly life: Life,
    readonly client: PublicClient,
    readonly contracts: Contracts,
    readonly store: SecretStore,
    readonly worker: WorkerRecord,
    readonly treasury: Address,
    private readonly folder: string,
  ) {}

  static async start(settings: Partial<ContractSettingsInput> = {}): Promise<World> {
    const network = await startTestNetwork(settings);
    const client = createPublicClient({ transport: custom({ request: network.client.request }), cacheTime: 0 });
    const contracts = await resolveContracts(client, {
      name: "anvil",
      chainId,
      endpoints: { rpc: "http://127.0.0.1", beacon: "http://127.0.0.1", gateway: "http://127.0.0.1" },
      contracts: { workerRegistry: addresses.workerRegistry },
    });
    const folder = await mkdtemp(join(tmpdir(), "lf-lifecycle-"));
    const store = openFileStore(folder, passphraseOf("p"), clockOf(network), cheapKdf);
    const worker = generateWorkerRecord({ chainId, workerRegistry: addresses.workerRegistry, name: "home", refundTo });
    const treasury = importTreasury({ chainId, name: "main" }, Buffer.from("5e".repeat(32)));
    await store.create(refs.worker, worker);
    await store.create(refs.treasury, treasury);
    await network.sendCall({ from: who.owner, to: treasury.address, value: capital, data: "0x" });
    return new World(network, lifeOn(network), client, contracts, store, worker, treasury.address, folder);
  }

  async stop(): Promise<void> {
    await this.network.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The records as new: for when the chain was taken back to its start. */
  async forgetSent(): Promise<void> {
    for (const kind of ["worker", "treasury"] as const) {
      const { version, record } = await this.store.read(refs[kind], kind);
      await this.store.update(refs[kind], version, { ...record, sent: [] });
    }
  }

  get clock(): Clock {
    return clockOf(this.network);
  }

  serving(different: Partial<Extract<Desired, { kind: "serving" }>> = {}): Desired {
    return {
      kind: "serving",
      generation: 1,
      models: [usual],
      stake: { kind: "minimum", max: lcai("6000") },
      encryptionKey: this.worker.encryptionPublicKey,
      gasReserve: lcai("10"),
      ...different,
    };
  }
  readonly gone: Desired = { kind: "gone", refundTo, generation: 1 };

  /** The key's own record as observed, with what the test wants different. */
  async observe(different: { models?: ModelId[]; since?: bigint | null; rehearsed?: boolean } = {}): Promise<Observed> {
    const { record } = await this.store.read(refs.worker, "worker");
    const { client, contracts } = this;
    return createObserver({ client, contracts, chainId, worker: record.address }).observe({
      models: different.models ?? [usual],
      since: different.since ?? null,
      sent: record.sent.map(fromStored),
      server: "gone",
      rehearsed: different.rehearsed ?? true,
      leftGeneration: 0,
    });
  }

  senderOf(whose: "worker" | "treasury", store = this.store): Promise<StoredSender> {
    return openStoredSender({
      store,
      ref: refs[whose],
      chainId,
      node: nodeOf(this.client),
      clock: this.clock,
      timeoutMs: 30_000,
    });
  }

  private async funding(desired: Desired): Promise<FundingPlan> {
    const { record } = await this.store.read(refs.treasury, "treasury");
    return planFunding({
      desired,
      observed: await this.observe(),
      treasury: this.treasury,
      treasuryBalance: wei(await this.network.balance(this.treasury)),
      caps: { perAction: lcai("6000"), lifetime: lcai("12000") },
      sentFundings: pastFundings(
        { ...record, sent: record.sent.map(fromStored) },
        { chainId, worker: this.worker.address },
        new Map(),
      ),
    });
  }

  /** Pays what is missing. */
  async fund(desired: Desired): Promise<void> {
    const sender = await this.senderOf("treasury");
    await sender.sendDecided(async () => {
      const next = await this.funding(desired);
      if (next.do === "blocked") throw new Error(next.blockers.map(({ summary }) => summary).join());
      return next.do === "pay" ? { purpose: next.purpose, to: next.to, data: "0x", value: next.amount } : null;
    });
  }

  async reach(desired: Desired, different: Partial<ConvergeOptions> = {}): Promise<ConvergeOutcome> {
    return converge({
      observe: () => this.observe(desired.kind === "serving" ? { models: [...desired.models] } : {}),
      sender: await this.senderOf("worker"),
      desired,
      clock: this.clock,
      sharesKey: true,
      mayWait: () => false,
      ...different,
    });
  }

  /** What all transactions of an account cost in gas, as the blocks tell. */
  async gasOf(account: Address): Promise<bigint> {
    const head = await this.client.getBlockNumber();
    let total = 0n;
    for (let blockNumber = 0n; blockNumber <= head; blockNumber++) {
      const { transactions } = await this.client.getBlock({ blockNumber, includeTransactions: true });
      for (const { from, hash } of transactions) {
        if (from.toLowerCase() !== account.toLowerCase()) continue;
        const { gasUsed, effectiveGasPrice } = await this.client.getTransactionReceipt({ hash });
        total += gasUsed * effectiveGasPrice;
      }
    }
    return total;
  }

  setCode(address: Address, bytecode: Hex): Promise<void> {
    return this.network.client.setCode({ address, bytecode });
  }
}

/** Time passes by mining: a block for each sleep. */
function clockOf(network: TestNetwork): Clock {
  let elapsed = 0;
  return {
    now: () => elapsed,
    sleep: async (ms) => {
      elapsed += ms;
      await network.mine(1);
    },
  };
}
