import { decodeFunctionData, getAddress, keccak256, parseTransaction, type Hex } from "viem";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import type { SenderNode, TxReceipt } from "../../lifecycle/node.js";
import type { JobStanding, Observed, SentTx } from "../../lifecycle/types.js";
import { refreshSent } from "../../lifecycle/refresh-sent.js";
import { blockTime, modelId, wei, type Address, type ModelId } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import { contracts, gwei, job, lcai, nobody } from "./situations.js";

/** How the network treats one broadcast. */
export type Delivery = "taken" | "lost" | "withheld" | "unclear but taken" | "unclear and lost";

/** What goes wrong in a run: each list is used up in order, and after that all is well. */
export interface Faults {
  readonly deliveries: readonly Delivery[];
  /** Blocks that an observation lags behind. */
  readonly lags: readonly number[];
  /** The network's gas price after each block, in gwei. */
  readonly gasPrices: readonly number[];
  /** At these blocks the last so many blocks are thrown away again, and their transactions return to the mempool or not. */
  readonly reorganisations: readonly { readonly at: number; readonly depth: number; readonly lose: boolean }[];
}
export const noFaults: Faults = { deliveries: [], lags: [], gasPrices: [], reorganisations: [] };

interface Tx {
  readonly hash: Hex;
  readonly from: Address;
  readonly nonce: number;
  readonly to: Address;
  readonly value: bigint;
  readonly data: Hex;
  readonly gas: bigint;
  readonly gasPrice: bigint;
}

/** Everything that a block may change. Never changed in place: a block makes a new one. */
interface State {
  readonly number: number;
  readonly time: bigint;
  readonly gasPrice: bigint;
  readonly balances: ReadonlyMap<Address, bigint>;
  readonly nonces: ReadonlyMap<Address, number>;
  readonly receipts: ReadonlyMap<Hex, TxReceipt>;
  readonly mined: readonly Tx[];
  readonly worker: Address;
  readonly stake: bigint | null;
  readonly models: readonly ModelId[];
  readonly capabilities: bigint;
  readonly jobs: readonly JobStanding[];
  readonly earnings: bigint;
  /** Paid to the worker for its jobs, all in all. */
  readonly released: bigint;
  readonly burned: bigint;
}

class Reverted extends Error {}

export const blockMs = 2_000;
/** No life here takes longer: whoever still waits then, waits for ever. */
const longestMs = 20_000_000;
/** Depth at which a block is final here. Reorganisations are shallower. */
const finalDepth = 4;
const gasOf: Record<string, bigint> = {
  registerWorker: 160_000n,
  addSupportedModel: 110_000n,
  setCapabilities: 50_000n,
  deregisterWorker: 90_000n,
  releaseJobs: 120_000n,
  withdraw: 50_000n,
};

/** A small network with one worker, a treasury and everything that can go wrong with transactions. Its clock is the only time there is. */
export class ChainModel {
  private history: State[];
  private mempool = new Map<Hex, { tx: Tx; from: number }>();
  private deliveries: Delivery[];
  private lags: number[];
  private elapsed = 0;
  readonly everMined: Tx[] = [];

  constructor(
    worker: Address,
    balances: readonly (readonly [Address, bigint])[],
    private readonly faults: Faults,
    /** Jobs that the worker gets, and completes, the moment it serves. */
    private readonly jobCount: number,
  ) {
    this.deliveries = [...faults.deliveries];
    this.lags = [...faults.lags];
    this.history = [
      {
        number: 0,
        time: 1_750_000_000n,
        gasPrice: gwei,
        balances: new Map(balances),
        nonces: new Map(),
        receipts: new Map(),
        mined: [],
        worker,
        stake: null,
        models: [],
        capabilities: 0n,
        jobs: [],
        earnings: 0n,
        released: 0n,
        burned: 0n,
      },
    ];
  }

  get state(): State {
    return this.history.at(-1)!;
  }

  balance(account: Address): bigint {
    return this.state.balances.get(account) ?? 0n;
  }

  readonly clock: Clock = {
    now: () => this.elapsed,
    sleep: async (ms) => {
      const blocksBefore = Math.floor(this.elapsed / blockMs);
      this.elapsed += ms;
      if (this.elapsed > longestMs) throw new Error(`no end in sight after ${this.state.number} blocks`);
      for (let block = blocksBefore; block < Math.floor(this.elapsed / blockMs); block++) this.mine();
      await Promise.resolve();
    },
  };

  /** From now on observations are up to date. */
  catchUp(): void {
    this.lags = [];
  }

  /** What a sender with the key of `account` sees. `before` runs ahead of every question, and may throw. */
  nodeOf(account: Address, before: (() => void) | null): SenderNode {
    const asked = async <T>(answer: () => T): Promise<T> => {
      before?.();
      return answer();
    };
    return {
      nonce: (_, at) =>
        asked(() => {
          if (at === "final") return this.history.at(-1 - finalDepth)?.nonces.get(account) ?? 0;
          const latest = this.state.nonces.get(account) ?? 0;
          return at === "latest" ? latest : this.pendingNonce(account, latest);
        }),
      balance: () => asked(() => wei(this.balance(account))),
      gasPrice: () => asked(() => this.state.gasPrice),
      estimate: (call) =>
        asked(() => {
          const tx: Tx = {
            hash: "0x",
            from: account,
            nonce: 0,
            gas: 0n,
            gasPrice: 0n,
            to: call.to,
            value: call.value,
            data: call.data,
          };
          try {
            if (call.value > this.balance(account)) throw new Reverted("insufficient funds");
            return { ok: true, gas: this.run(this.state, tx).gas } as const;
          } catch (error) {
            if (!(error instanceof Reverted)) throw error;
            return { ok: false, reason: error.message, revert: null } as const;
          }
        }),
      broadcast: (raw) => asked(() => this.broadcast(account, raw)),
      receipt: (hash) => asked(() => this.state.receipts.get(hash) ?? null),
      timeOf: (block) =>
        asked(() => {
          const one = block === "latest" ? this.state : this.history.find(({ number }) => BigInt(number) === block);
          return one === undefined ? null : blockTime(one.time);
        }),
      knows: (hash) => asked(() => this.state.receipts.has(hash) || this.mempool.has(hash)),
    };
  }

  /** What the worker's standing looks like, possibly as it was some blocks ago. */
  async observe(sent: readonly SentTx[], leftGeneration = 0): Promise<Observed> {
    const lag = Math.min(this.lags.shift() ?? 0, this.history.length - 1);
    const state = this.history.at(-1 - lag)!;
    const { worker, stake } = state;
    const latest = state.nonces.get(worker) ?? 0;
    const running = state.jobs.length;
    const base = nobody();
    const seen = await refreshSent(this.nodeOf(worker, null), sent, BigInt(state.number));
    if (!this.history.includes(state)) return this.observe(sent, leftGeneration); // reorganised away meanwhile
    return {
      ...base,
      at: {
        number: BigInt(state.number),
        hash: keccak256(`0x${state.number.toString(16).padStart(8, "0")}`),
        time: blockTime(state.time),
      },
      worker,
      nonce: { latest, pending: Math.max(latest, lag === 0 ? this.pendingNonce(worker, latest) : latest) },
      balance: wei(state.balances.get(worker) ?? 0n),
      gasPrice: state.gasPrice,
      registration:
        stake === null
          ? null
          : {
              stake: wei(stake),
              encryptionKey: `0x04${"11".repeat(64)}`,
              models: state.models,
              eligible: state.models,
              capabilities: state.capabilities,
              offences: 0n,
              suspendedUntil: null,
              activeJobs: BigInt(running),
            },
      jobs: state.jobs,
      earnings: wei(state.earnings),
      sent: seen,
      server: "gone",
      leftGeneration,
    };
  }

  private broadcast(from: Address, raw: Hex): Awaited<ReturnType<SenderNode["broadcast"]>> {
    const { nonce = 0, to, value = 0n, data = "0x", gas = 0n, gasPrice = 0n } = parseTransaction(raw);
    const tx: Tx = { hash: keccak256(raw), from, nonce, to: getAddress(to!), value, data, gas, gasPrice };
    if (nonce < (this.state.nonces.get(from) ?? 0)) return { kind: "behind" };
    if (value + gas * gasPrice > this.balance(from))
      return { kind: "refused", reason: "insufficient funds for gas * price + value" };
    const rival = [...this.mempool.values()].find(
      (other) => other.tx.from === from && other.tx.nonce === nonce && other.tx.hash !== tx.hash,
    );
    if (rival && gasPrice * 10n < rival.tx.gasPrice * 11n) return { kind: "underpriced" };
    const delivery = this.deliveries.shift() ?? "taken";
    if (delivery !== "lost" && delivery !== "unclear and lost") {
      if (rival) this.mempool.delete(rival.tx.hash);
      this.mempool.set(tx.hash, { tx, from: this.state.number + (delivery === "withheld" ? 6 : 0) });
    }
    return delivery.startsWith("unclear") ? { kind: "unclear", reason: "timeout" } : { kind: "held" };
  }

  private pendingNonce(account: Address, latest: number): number {
    let nonce = latest;
    while ([...this.mempool.values()].some(({ tx }) => tx.from === account && tx.nonce === nonce)) nonce++;
    return nonce;
  }

  private mine(): void {
    const reorganisation = this.faults.reorganisations.find(({ at }) => at === this.state.number);
    if (reorganisation && this.history.length > reorganisation.depth && !this.done.has(reorganisation)) {
      this.done.add(reorganisation);
      const dropped = this.history.splice(-reorganisation.depth);
      if (!reorganisation.lose)
        for (const tx of dropped.flatMap(({ mined }) => mined)) this.mempool.set(tx.hash, { tx, from: 0 });
    }
    let state: State = {
      ...this.state,
      number: this.state.number + 1,
      time: this.state.time + 2n,
      gasPrice: BigInt(this.faults.gasPrices[this.state.number] ?? 1) * gwei,
      mined: [],
    };
    for (let progress = true; progress;) {
      progress = false;
      for (const { tx, from } of this.mempool.values()) {
        const ready =
          tx.nonce === (state.nonces.get(tx.from) ?? 0) && from <= state.number && tx.gasPrice >= state.gasPrice;
        if (tx.nonce < (state.nonces.get(tx.from) ?? 0)) this.mempool.delete(tx.hash);
        if (!ready) continue;
        if (tx.value + tx.gas * tx.gasPrice > (state.balances.get(tx.from) ?? 0n)) {
          this.mempool.delete(tx.hash); // nodes drop what its sender cannot pay any more
          continue;
        }
        state = this.include(state, tx);
        this.mempool.delete(tx.hash);
        progress = true;
      }
    }
    this.history.push(state);
  }
  private readonly done = new Set<unknown>();

  private include(before: State, tx: Tx): State {
    let result: { state: State; gas: bigint };
    let status: TxReceipt["status"] = "success";
    try {
      result = this.run(before, tx);
    } catch (error) {
      if (!(error instanceof Reverted)) throw error;
      result = { state: before, gas: 40_000n };
      status = "reverted";
    }
    const fee = result.gas * tx.gasPrice;
    const { state } = result;
    const receipt = { hash: tx.hash, block: BigInt(before.number), status, gasUsed: result.gas, fee: wei(fee) };
    this.everMined.push(tx);
    return {
      ...state,
      balances: moved(state.balances, tx.from, -fee),
      nonces: new Map(state.nonces).set(tx.from, tx.nonce + 1),
      receipts: new Map(state.receipts).set(tx.hash, receipt),
      mined: [...state.mined, tx],
      burned: state.burned + fee,
    };
  }

  /** What a transaction does. @throws Reverted */
  private run(state: State, tx: Tx): { state: State; gas: bigint } {
    if (tx.data === "0x")
      return {
        state: { ...state, balances: moved(moved(state.balances, tx.from, -tx.value), tx.to, tx.value) },
        gas: 21_000n,
      };
    if (tx.from !== state.worker) throw new Reverted("NotAuthorized");
    const abi = tx.to === getAddress(contracts.workerRegistry) ? workerRegistryAbi : jobRegistryAbi;
    const { functionName, args } = decodeFunctionData({ abi, data: tx.data });
    return { state: this.effect(state, tx.value, functionName, args ?? []), gas: gasOf[functionName] ?? 100_000n };
  }

  private effect(state: State, value: bigint, name: string, args: readonly unknown[]): State {
    const { worker, stake } = state;
    const gives = (amount: bigint): ReadonlyMap<Address, bigint> => moved(state.balances, worker, amount);
    if (name === "withdraw") {
      if (state.earnings === 0n) throw new Reverted("NoBalanceToWithdraw");
      return { ...state, earnings: 0n, balances: gives(state.earnings) };
    }
    if (name === "releaseJobs") {
      const ids = new Set(args[0] as readonly bigint[]);
      const released = state.jobs.filter((one) => ids.has(one.id));
      if (released.length !== ids.size || released.some((one) => one.releasableAt! > state.time))
        throw new Reverted("DisputeWindowNotElapsed");
      const earned = released.reduce((sum, one) => sum + (one.escrow * 8n) / 10n, 0n);
      return {
        ...state,
        jobs: state.jobs.filter((one) => !ids.has(one.id)),
        earnings: state.earnings + earned,
        released: state.released + earned,
      };
    }
    if (name === "registerWorker") {
      if (stake !== null) throw new Reverted("WorkerAlreadyRegistered");
      if (value < lcai("5000")) throw new Reverted("InsufficientStake");
      return { ...state, stake: value, balances: gives(-value) };
    }
    if (stake === null) throw new Reverted("WorkerNotRegistered");
    if (name === "addSupportedModel") {
      const model = modelId(args[0] as string);
      if (state.models.includes(model)) throw new Reverted("ModelAlreadySupported");
      return { ...state, models: [...state.models, model], jobs: this.jobsAt(state.time) };
    }
    if (name === "setCapabilities") return { ...state, capabilities: args[0] as bigint };
    if (name === "deregisterWorker") {
      if (state.jobs.length > 0) throw new Reverted("ActiveJobsExist");
      return { ...state, stake: null, models: [], capabilities: 0n, balances: gives(stake) };
    }
    throw new Reverted(`no ${name}`);
  }

  private jobsAt(time: bigint): JobStanding[] {
    return Array.from({ length: this.jobCount }, (_, index) =>
      job(index + 1, { escrow: lcai("1"), releasableAt: blockTime(time + 100n + 20n * BigInt(index)) }),
    );
  }
}

const moved = (
  balances: ReadonlyMap<Address, bigint>,
  account: Address,
  amount: bigint,
): ReadonlyMap<Address, bigint> => new Map(balances).set(account, (balances.get(account) ?? 0n) + amount);
