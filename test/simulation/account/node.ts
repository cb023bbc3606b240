import { keccak256, parseTransaction } from "viem";
import { BroadcastRefused, BroadcastUnclear, ChainUnavailable } from "../../../sidecar/failures.js";
import type { Node, Receipt } from "../../../sidecar/ports.js";
import { withoutSidecar, type ProofKind } from "../../../protocol/blob-transaction.js";
import { classifyBroadcast } from "../../../sidecar/transactions/errors.js";
import { decodeRaw, hashOf, type Draft } from "../../../sidecar/transactions/raw.js";
import type { Hash, Hex } from "../../../schema/units.js";
import { createChance } from "../chance.js";
import type { VirtualClock } from "../virtual-clock.js";
import { PoolRefusal, Pools, type PoolTx } from "./pools.js";

/** Probabilities of what goes wrong, each between 0 and 1. All faults end at {@link SimulatedNode.calm}. */
export interface Faults {
  /** A question is not answered. */
  readonly unavailable: number;
  /** A broadcast seems to fail; half of these arrive later all the same. */
  readonly vanishing: number;
  /** A broadcast arrives, and the sender sees an error. */
  readonly errorAfterAccept: number;
  /** A transaction falls out of the pool again. */
  readonly lost: number;
  /** A block takes nothing of ours. */
  readonly withheld: number;
  /** Up to three blocks are taken back. */
  readonly reorg: number;
  /** Answers come from a node that is a block behind, until the next block; broadcasts reach one that is not. */
  readonly lagging: number;
}
export const noFaults: Faults = {
  unavailable: 0,
  vanishing: 0,
  errorAfterAccept: 0,
  lost: 0,
  withheld: 0,
  reorg: 0,
  lagging: 0,
};

/** When the chain asks for cell proofs instead of blob proofs, and how its node is about it. */
export interface ForkPlan {
  /** Time of the first block with Osaka's rules, in ms; `null`: never. */
  readonly osakaAt: number | null;
  /** Whether the node tells its rules when it is asked; else only its refusals do. */
  readonly tells: boolean;
}
export const noFork: ForkPlan = { osakaAt: null, tells: true };

interface MinedTx extends PoolTx {
  readonly status: "success" | "reverted";
}
interface SimulatedBlock {
  readonly txs: readonly MinedTx[];
  readonly minedAt: number;
}

/** What the account's transactions did on the canonical chain, by tag. */
export type Achieved = ReadonlyMap<string, number>;

/**
 * A chain of one account, its node and pools, in virtual time. Plain calls are told apart by their data, blobs by their versioned hash.
 */
export class SimulatedNode {
  readonly chainId = 8200;
  private readonly blocks: SimulatedBlock[] = [{ txs: [], minedAt: 0 }];
  readonly pools: Pools;
  private readonly random;
  private faults: Faults;
  private lags = false;
  private isWithheld = false;
  private isStalled = false;
  private baseFee = 1_000_000_000n;
  private readonly reverting = new Map<string, number>();
  /** What went wrong in a way that must never happen. */
  readonly violations: string[] = [];

  constructor(
    private readonly clock: VirtualClock,
    seed: number,
    faults: Faults,
    private readonly blockMs = 2_000,
    /** Whether the base fee wanders, so that what was enough yesterday is not today. */
    private readonly feesWander = true,
    private readonly fork: ForkPlan = noFork,
  ) {
    const source = createChance(seed);
    this.random = {
      chance: (probability: number) => source.next() < probability,
      below: (limit: number) => Math.floor(source.next() * limit),
    };
    this.faults = faults;
    this.pools = new Pools(() => clock.now());
    this.makeBlocks();
  }

  /** From here on everything works. */
  calm(): void {
    this.faults = noFaults;
  }
  /** Blocks take nothing of ours while this is so. */
  withhold(isWithheld: boolean): void {
    this.isWithheld = isWithheld;
  }
  /** No blocks are made while this is so. */
  stall(isStalled: boolean): void {
    this.isStalled = isStalled;
  }
  /** The next `times` transactions with this tag are mined and fail. */
  revertNext(tag: string, times: number): void {
    this.reverting.set(tag, times);
  }
  /** A transaction of another holder of the key, straight into the pool. `price` in wei; of a blob, both its limits. */
  plantForeign(nonce: number, lane: "plain" | "blob", price: bigint): void {
    const draft: Draft =
      lane === "plain"
        ? { lane, body: { to: "0x00", data: "0x", value: 0n, gas: 21_000n }, fees: { gasPrice: price } }
        : {
            lane,
            body: { to: "0x00", gas: 21_000n, versionedHash: "0x01", sidecar: null },
            fees: { maxFeePerGas: price, maxPriorityFeePerGas: 1_000_000n, maxFeePerBlobGas: price },
          };
    const tx: PoolTx = { hash: `foreign-${lane}-${nonce}`, nonce, draft, tag: "foreign" };
    (lane === "plain" ? this.pools.plain : this.pools.blob).set(nonce, tx);
  }

  /** Another holder of the key takes the next nonce with a plain transaction, if the pools let it. */
  intrude(): void {
    if (this.pools.blob.size === 0) this.plantForeign(this.accountNonce, "plain", 50_000_000_000n);
  }

  get accountNonce(): number {
    return nonceAfter(this.blocks);
  }
  get head(): number {
    return this.blocks.length - 1;
  }
  /** How often each tag succeeded on the canonical chain. */
  achieved(): Achieved {
    const counts = new Map<string, number>();
    for (const tx of this.blocks.flatMap(({ txs }) => txs))
      if (tx.status === "success") counts.set(tx.tag, (counts.get(tx.tag) ?? 0) + 1);
    return counts;
  }

  port(): Node {
    const ask = <T>(what: string, answer: (blocks: readonly SimulatedBlock[]) => T): Promise<T> => {
      const fails = this.random.chance(this.faults.unavailable);
      return this.later(() => {
        if (fails) throw new ChainUnavailable(`simulation (${what})`, new Error("no answer"));
        return answer(this.lags && this.blocks.length > 1 ? this.blocks.slice(0, -1) : this.blocks);
      });
    };
    return {
      chainId: this.chainId,
      blockNumber: () => ask("head", (blocks) => BigInt(blocks.length - 1)),
      nonces: () => ask("nonces", (blocks) => ({ latest: nonceAfter(blocks), pending: nonceAfter(blocks) })),
      gasPrice: () => ask("gas price", () => this.baseFee + 1_000_000n),
      priorityFee: () => ask("tip", () => 1_000_000n),
      estimate: () => ask("estimate", () => 50_000n),
      balance: () => ask("balance", () => 10n ** 18n),
      receipt: (hash) => ask("receipt", (blocks) => receiptIn(blocks, hash)),
      knows: (hash) =>
        ask("transaction", (blocks) => (!this.lags && this.pools.has(hash)) || receiptIn(blocks, hash) !== null),
      broadcast: (raw) => this.broadcast(raw),
      blobProofs: () => ask("rules", (blocks) => (this.fork.tells ? this.proofsAt(blocks.at(-1)?.minedAt ?? 0) : null)),
    };
  }

  private proofsAt(time: number): ProofKind {
    return this.fork.osakaAt !== null && time >= this.fork.osakaAt ? "cells" : "blob";
  }

  private async broadcast(raw: Hex): Promise<Hash> {
    const vanishes = this.random.chance(this.faults.vanishing);
    const errs = this.random.chance(this.faults.errorAfterAccept);
    const isLost = this.random.chance(this.faults.lost);
    const hash = hashOf(raw);
    const isLate = this.random.chance(0.5);
    return this.later(() => {
      if (vanishes && isLate) void this.clock.sleep(this.random.below(20_000)).then(() => this.take(raw));
      if (vanishes) throw new BroadcastUnclear("the request vanished");
      const refusal = this.take(raw);
      const answer = refusal === undefined ? undefined : classifyBroadcast({ code: -32000, message: refusal });
      if (answer?.kind === "refused") throw new BroadcastRefused(answer.refusal, answer.reason);
      if (answer?.kind === "unclear") throw new BroadcastUnclear(answer.reason);
      if (isLost) void this.clock.sleep(500 + this.random.below(5_000)).then(() => this.pools.drop(hash));
      if (errs) throw new BroadcastUnclear("the connection broke");
      return hash;
    });
  }

  /** Into the pool, or the pool's words against it. */
  private take(raw: Hex): string | undefined {
    const draft = decodeRaw(raw);
    const asked = this.proofsAt(this.blocks.at(-1)?.minedAt ?? 0);
    // As geth 1.17 has it, but without converting what is too old: what the pool has it knows by its hash, whatever is beside it.
    if (draft.lane === "blob" && draft.body.sidecar?.kind !== asked && !this.pools.has(hashOf(raw)))
      return `unexpected sidecar version, want: ${asked === "cells" ? "1, got: 0" : "0, got: 1"}`;
    const nonce = parseTransaction(withoutSidecar(raw)).nonce ?? 0;
    try {
      this.pools.add({ hash: hashOf(raw), nonce, draft, tag: tagOf(draft, nonce) }, this.accountNonce);
      return undefined;
    } catch (error) {
      if (error instanceof PoolRefusal) return error.message;
      throw error;
    }
  }

  private later<T>(answer: () => T): Promise<T> {
    return this.clock.sleep(1 + this.random.below(40)).then(answer);
  }

  private makeBlocks(): void {
    this.clock.every(this.blockMs, () => {
      if (this.isStalled) return;
      if (this.feesWander) this.baseFee = this.random.chance(0.5) ? (this.baseFee * 9n) / 8n : (this.baseFee * 7n) / 8n;
      if (this.baseFee > 20_000_000_000n || this.baseFee < 100_000_000n) this.baseFee = 1_000_000_000n;
      this.lags = this.random.chance(this.faults.lagging);
      if (this.random.chance(this.faults.reorg)) this.reorganise(1 + this.random.below(3));
      else this.mine();
    });
  }

  /** Takes the newest blocks back and makes one more than these in their place. */
  reorganise(blocks: number): void {
    const depth = Math.min(blocks, this.head);
    const dropped = this.blocks.splice(this.blocks.length - depth, depth);
    for (const tx of dropped.flatMap(({ txs }) => txs)) this.pools.putBack(tx);
    for (let made = 0; made <= depth; made++) this.mine();
  }

  private mine(): void {
    const txs: MinedTx[] = [];
    if (!this.random.chance(this.faults.withheld) && !this.isWithheld) {
      for (let nonce = this.accountNonce; ; nonce++) {
        const tx = this.pools.plain.get(nonce) ?? this.pools.blob.get(nonce);
        if (tx === undefined || !this.pays(tx.draft) || this.isOutlived(tx.draft) || txs.length >= 6) break;
        txs.push({ ...tx, status: this.statusOf(tx) });
      }
    }
    this.blocks.push({ txs, minedAt: this.clock.now() });
    this.pools.reset(this.accountNonce, this.random.below(300));
    for (const [tag, count] of this.achieved())
      if (count > 1 && tag !== "foreign") this.violations.push(`${tag} was mined ${count} times by block ${this.head}`);
  }

  /** Fails a transaction for good: a reorganisation does not change it. */
  private statusOf(tx: PoolTx): "success" | "reverted" {
    const known = this.reverted.has(tx.hash);
    const left = this.reverting.get(tx.tag) ?? 0;
    if (!known && left > 0) {
      this.reverting.set(tx.tag, left - 1);
      this.reverted.add(tx.hash);
    }
    return this.reverted.has(tx.hash) ? "reverted" : "success";
  }
  private readonly reverted = new Set<string>();

  /** A blob that the pool took before the fork stays there, and comes into no block. */
  private isOutlived(draft: Draft): boolean {
    const sidecar = draft.lane === "blob" ? draft.body.sidecar : null;
    return sidecar !== null && sidecar.kind !== this.proofsAt(this.clock.now());
  }

  private pays(draft: Draft): boolean {
    if (draft.lane === "plain") return draft.fees.gasPrice >= this.baseFee;
    return draft.fees.maxFeePerGas >= this.baseFee && draft.fees.maxFeePerBlobGas >= 1_000_000n;
  }
}

const fillerBlob = `0x01${keccak256("0x00").slice(4)}`;

/** Plain calls carry their tag as data; a blob is its hash; what carries nothing is a filler. */
function tagOf(draft: Draft, nonce: number): string {
  if (draft.lane === "blob" && draft.body.versionedHash !== fillerBlob) return draft.body.versionedHash;
  if (draft.lane === "blob") return `nothing at ${nonce}`;
  return draft.body.data === "0x" ? `nothing at ${nonce}` : draft.body.data;
}

function nonceAfter(blocks: readonly SimulatedBlock[]): number {
  return blocks.reduce((sum, { txs }) => sum + txs.length, 0);
}

function receiptIn(blocks: readonly SimulatedBlock[], hash: string): Receipt | null {
  for (const [number, { txs }] of blocks.entries()) {
    const tx = txs.find((one) => one.hash === hash);
    if (tx) {
      const price = tx.draft.lane === "plain" ? tx.draft.fees.gasPrice : 1_000_000n;
      return {
        hash: tx.hash as Hash,
        block: BigInt(number),
        status: tx.status,
        gasUsed: 40_000n,
        fee: 40_000n * price,
      };
    }
  }
  return null;
}
