import type { BlobFees, Draft } from "../../../sidecar/transactions/raw.js";

/** A transaction as a pool holds it. */
export interface PoolTx {
  readonly hash: string;
  readonly nonce: number;
  readonly draft: Draft;
  /** What it is for, as the test knows it; `foreign` for what another holder of the key signed. */
  readonly tag: string;
}

/** A pool's "no", in geth's words. */
export class PoolRefusal extends Error {}

/** How long a gapped blob is kept that an old enough account gets accepted silently (ms). */
const gappedBlobMs = 60_000;

/**
 * The two pools of one account, with the rules seen on geth 1.17: one pool at a time, nonces without gaps in the blob pool, price bumps of 10 % and 100 %.
 */
export class Pools {
  readonly plain = new Map<number, PoolTx>();
  readonly blob = new Map<number, PoolTx>();
  private readonly gapped = new Map<number, { tx: PoolTx; until: number }>();
  /** A pool gives the account free a moment after its last transaction was mined. */
  private plainHeldUntil = 0;
  private blobHeldUntil = 0;

  constructor(private readonly now: () => number) {}

  /** @throws PoolRefusal */
  add(tx: PoolTx, accountNonce: number): void {
    const { nonce, draft } = tx;
    const own = draft.lane === "plain" ? this.plain : this.blob;
    if (own.get(nonce)?.hash === tx.hash) throw new PoolRefusal("already known");
    if (nonce < accountNonce) throw new PoolRefusal(`nonce too low: next nonce ${accountNonce}, tx nonce ${nonce}`);
    if (draft.lane === "blob") this.addBlob(tx, draft.fees, accountNonce);
    else this.addPlain(tx, draft.fees.gasPrice);
  }

  private addPlain(tx: PoolTx, gasPrice: bigint): void {
    if (this.blob.size > 0 || this.now() < this.blobHeldUntil) throw new PoolRefusal("address already reserved");
    const former = this.plain.get(tx.nonce);
    if (former?.draft.lane === "plain") {
      const price = former.draft.fees.gasPrice;
      if (gasPrice <= price || gasPrice < (price * 110n) / 100n)
        throw new PoolRefusal("replacement transaction underpriced");
    }
    if (gasPrice < 1n) throw new PoolRefusal("transaction underpriced");
    this.plain.set(tx.nonce, tx);
  }

  private addBlob(tx: PoolTx, fees: BlobFees, accountNonce: number): void {
    let next = accountNonce;
    while (this.blob.has(next)) next++;
    if (tx.nonce > next) {
      const mayGap = accountNonce >= 9 && this.plain.size === 0;
      if (!mayGap) throw new PoolRefusal(`nonce too high: tx nonce ${tx.nonce}, gapped nonce ${next}`);
      this.gapped.set(tx.nonce, { tx, until: this.now() + gappedBlobMs });
      return;
    }
    if (this.plain.size > 0 || this.now() < this.plainHeldUntil) throw new PoolRefusal("address already reserved");
    const former = this.blob.get(tx.nonce);
    if (former?.draft.lane === "blob") {
      const before = former.draft.fees;
      const dearer = (["maxFeePerGas", "maxPriorityFeePerGas", "maxFeePerBlobGas"] as const).every(
        (fee) => fees[fee] >= before[fee] * 2n,
      );
      if (!dearer)
        throw new PoolRefusal(
          "replacement transaction underpriced: new tx gas fee cap < queued + 100% replacement penalty",
        );
    }
    this.blob.set(tx.nonce, tx);
    const waiting = this.gapped.get(tx.nonce + 1);
    if (waiting && waiting.until > this.now()) this.blob.set(tx.nonce + 1, waiting.tx);
  }

  has(hash: string): boolean {
    return this.all().some((tx) => tx.hash === hash);
  }
  all(): PoolTx[] {
    return [...this.plain.values(), ...this.blob.values()];
  }
  drop(hash: string): void {
    for (const pool of [this.plain, this.blob])
      for (const [nonce, tx] of pool) if (tx.hash === hash) pool.delete(nonce);
  }
  /** How long the account stays reserved after the last of a pool was mined, at least. */
  lagMs = 0;

  /** What the account's nonce has passed leaves the pools; the account stays reserved for a while. */
  reset(accountNonce: number, chanceMs: number): void {
    const lagMs = Math.max(this.lagMs, chanceMs);
    for (const pool of [this.plain, this.blob]) {
      const before = pool.size;
      for (const nonce of [...pool.keys()]) if (nonce < accountNonce) pool.delete(nonce);
      if (before > 0 && pool.size === 0) {
        if (pool === this.plain) this.plainHeldUntil = this.now() + lagMs;
        else this.blobHeldUntil = this.now() + lagMs;
      }
    }
  }
  /** After a reorganisation: back into its pool, unless the other one holds the account. */
  putBack(tx: PoolTx): void {
    const [own, other] = tx.draft.lane === "plain" ? [this.plain, this.blob] : [this.blob, this.plain];
    if (other.size === 0 && !own.has(tx.nonce)) own.set(tx.nonce, tx);
  }
}
