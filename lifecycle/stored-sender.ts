import type { RecordRef, SecretStore } from "../keystore/store.js";
import type { Address } from "../schema/units.js";
import type { Clock } from "../system/clock.js";
import { GasTooExpensive, OutcomeUnknown, PlanStale, SendRefused } from "./errors.js";
import { openLedger, type Ledger } from "./ledger.js";
import type { SenderNode, TxReceipt } from "./node.js";
import { gasPriceOf, isOutpriced, prepare, repriced, type Preparing } from "./prepare.js";
import type { Call, Mined, Sender, SentTx } from "./types.js";

/** How a stored sender works. Durations in ms. */
export interface StoredSenderOptions {
  readonly store: SecretStore;
  /** Whose key, and where its transactions are written down. */
  readonly ref: RecordRef;
  readonly chainId: number;
  readonly node: SenderNode;
  readonly clock: Clock;
  /** Highest price per gas ever paid, wei. Default 100 gwei. */
  readonly maxGasPrice?: bigint;
  /**
   * Where the next nonce comes from. `pending` (default for a treasury, whose owner may use it elsewhere too): after everything in the mempool.
   * `latest` (default for a worker, taken over from a dead holder): after what is mined, replacing what the former holder left hanging.
   */
  readonly nonceFrom?: Preparing["nonceFrom"];
  /** Longest wait for the record's lock. Default 240,000. */
  readonly lockWaitMs?: number;
  /** Longest wait until a transaction is mined. Default 180,000. */
  readonly timeoutMs?: number;
  /** A transaction that is not mined by then is sent again at today's price, if that is higher. Default 30,000. */
  readonly replaceAfterMs?: number;
  /** Between looks at the chain. Default 1,000. */
  readonly pollMs?: number;
}

/**
 * Sends with a key that rests in a store. Signed bytes are written beside the key before they are sent; a purpose that is open is followed with the same bytes, one that is mined
 * is done; the record's lock makes processes take turns. So however often and wherever it is called, a purpose is paid at most once.
 *
 * `send` throws SendRefused (LF1230), OutcomeUnknown (LF1231), GasTooExpensive (LF1233), PlanStale (LF1235), NodeSilent (LF1238) and the store's errors;
 * it is safe to call again after any of them.
 */
export async function openStoredSender(options: StoredSenderOptions): Promise<Sender> {
  const ledger = await openLedger(options.store, options.ref);
  return new StoredSender(ledger, {
    maxGasPrice: 100_000_000_000n,
    nonceFrom: options.ref.startsWith("worker/") ? "latest" : "pending",
    lockWaitMs: 240_000,
    timeoutMs: 180_000,
    replaceAfterMs: 30_000,
    pollMs: 1_000,
    ...options,
  });
}

class StoredSender implements Sender {
  constructor(
    private readonly ledger: Ledger,
    private readonly options: Required<StoredSenderOptions>,
  ) {}

  get address(): Address {
    return this.ledger.address;
  }

  send(call: Call, signal?: AbortSignal): Promise<Mined> {
    return this.locked(async () => {
      const mine = (await this.ledger.sent()).filter((tx) => tx.purpose === call.purpose);
      const done = await this.alreadyDone(mine, signal);
      if (done) return done;
      const [open] = openGroups(mine);
      if (open) return this.follow(open, signal);
      await this.settleOthers(signal);
      await this.refuseAfterReorganisation(call);
      return this.follow([await this.store(call)], signal);
    });
  }

  settle(signal?: AbortSignal): Promise<void> {
    return this.locked(() => this.settleOthers(signal));
  }

  private async locked<T>(work: () => Promise<T>): Promise<T> {
    const lease = await this.options.store.lock(this.options.ref, this.options.lockWaitMs);
    try {
      return await work();
    } finally {
      lease.release();
    }
  }

  /**
   * What a purpose was achieved with. What is final is believed without asking, since nodes forget old receipts; what is younger is looked at again, since a
   * reorganisation may have taken it back: then it is open once more.
   */
  private async alreadyDone(mine: readonly SentTx[], signal?: AbortSignal): Promise<Mined | undefined> {
    const mined = mine.find((tx) => tx.outcome === "mined");
    if (mined?.mined == null) return undefined;
    const { block, fee } = mined.mined;
    const final = await this.options.node.nonce(mined.from, "final");
    if (final <= mined.nonce) return this.follow([mined, ...siblingsOf(mined, mine)], signal);
    return { hash: mined.hash, block, status: "success", gasUsed: fee / gasPriceOf(mined), fee };
  }

  /** Signs and writes down. From here on the purpose has bytes, and no others at another nonce until these are dead. */
  private async store(call: Call): Promise<SentTx> {
    const { ifNonce, purpose } = call;
    if (ifNonce !== undefined && (await this.options.node.nonce(this.address, "latest")) !== ifNonce)
      throw new PlanStale(purpose, ifNonce);
    const tx = await prepare(call, this.preparing);
    await this.ledger.append(tx);
    return tx;
  }

  /** What counted as paid may have been taken back by a reorganisation: it is open again then, and the plan was made on what is not true any more. */
  private async refuseAfterReorganisation(call: Call): Promise<void> {
    const { node } = this.options;
    const final = await node.nonce(this.address, "final");
    const young = (await this.ledger.sent()).filter((tx) => tx.outcome === "mined" && tx.nonce >= final);
    const lost = await Promise.all(young.map(async (tx) => ((await node.receipt(tx.hash)) === null ? [tx] : [])));
    const [first, ...others] = lost.flat();
    if (first === undefined) return;
    await this.ledger.decide(new Map([first, ...others].map((tx) => [tx.hash, { outcome: "open", mined: null }])));
    throw new PlanStale(call.purpose, first.nonce);
  }

  /** Follows what other purposes have in the mempool. What the node does not have stays open: its nonce is taken by whatever comes next. */
  private async settleOthers(signal?: AbortSignal): Promise<void> {
    for (const group of openGroups(await this.ledger.sent())) {
      const known = await Promise.all(group.map((tx) => this.options.node.knows(tx.hash)));
      if (!known.includes(true)) continue;
      try {
        await this.follow(group, signal);
      } catch (error) {
        if (!(error instanceof PlanStale)) throw error; // dead is settled too
      }
    }
  }

  private get preparing(): Preparing {
    const { node, chainId, maxGasPrice, nonceFrom } = this.options;
    return { ledger: this.ledger, node, chainId, maxGasPrice, nonceFrom };
  }

  /**
   * Sends the bytes of one purpose, all at one nonce, until the chain has decided. A reverted transaction is decided too.
   * @throws PlanStale when another transaction at the nonce is final; OutcomeUnknown after the timeout; SendRefused; GasTooExpensive
   */
  private async follow(group: readonly [SentTx, ...SentTx[]], signal?: AbortSignal): Promise<Mined> {
    const { node, clock, timeoutMs, pollMs, replaceAfterMs } = this.options;
    const end = clock.now() + timeoutMs;
    let attempts = group;
    let replaceAt = clock.now() + replaceAfterMs;
    for (;;) {
      signal?.throwIfAborted();
      const receipt = await this.receiptOf(attempts);
      if (receipt) return this.decided(attempts, receipt);
      const newest = dearest(attempts);
      const latest = await node.nonce(newest.from, "latest");
      if (latest > newest.nonce) {
        const late = await this.receiptUnlessFinal(attempts);
        if (late) return this.decided(attempts, late);
      } else {
        await this.fillGap(latest, newest.nonce);
        const outpriced = clock.now() >= replaceAt && (await isOutpriced(newest, node));
        const replacement = outpriced ? await repriced(newest, this.preparing) : await this.push(newest);
        if (replacement) {
          await this.ledger.append(replacement);
          attempts = [...attempts, replacement];
          replaceAt = clock.now() + replaceAfterMs;
          continue;
        }
      }
      if (clock.now() >= end) throw new OutcomeUnknown(newest.purpose, newest.hash, timeoutMs);
      await clock.sleep(pollMs, signal);
    }
  }

  /** A reorganisation may have taken back, and lost, what was mined before: without it nothing at a later nonce is ever mined again. */
  private async fillGap(from: number, to: number): Promise<void> {
    if (from >= to) return;
    const { node } = this.options;
    const sent = (await this.ledger.sent()).filter((tx) => tx.outcome !== "dead");
    for (let nonce = from; nonce < to; nonce++) {
      const [first, ...others] = sent.filter((tx) => tx.nonce === nonce);
      if (first === undefined) continue; // somebody else's: it comes back with them, or not at all
      const lost = dearest([first, ...others]);
      if (!(await node.knows(lost.hash))) await node.broadcast(lost.raw);
    }
  }

  /** Sends a transaction that the node does not have. @returns a dearer one, when the node wants that */
  private async push(tx: SentTx): Promise<SentTx | null> {
    const { node, maxGasPrice } = this.options;
    if (await node.knows(tx.hash)) return null;
    const answer = await node.broadcast(tx.raw);
    switch (answer.kind) {
      case "held":
      case "behind":
      case "unclear":
        return null; // the chain is read again, and says
      case "refused":
        throw new SendRefused(tx.purpose, answer.reason);
      case "underpriced": {
        const dearer = await repriced(tx, this.preparing);
        if (dearer === null) throw new GasTooExpensive(await node.gasPrice(), maxGasPrice);
        return dearer;
      }
    }
  }

  private async receiptOf(attempts: readonly SentTx[]): Promise<TxReceipt | undefined> {
    const receipts = await Promise.all(attempts.map((tx) => this.options.node.receipt(tx.hash)));
    return receipts.find((receipt) => receipt !== null) ?? undefined;
  }

  /** Their nonce is used. Either one of them was mined this moment, or another transaction was: once that is final, these are dead. */
  private async receiptUnlessFinal(attempts: readonly [SentTx, ...SentTx[]]): Promise<TxReceipt | undefined> {
    const [{ purpose, nonce, from }] = attempts;
    if ((await this.options.node.nonce(from, "final")) <= nonce) return undefined;
    const receipt = await this.receiptOf(attempts);
    if (receipt) return receipt;
    await this.ledger.decide(new Map(attempts.map((tx) => [tx.hash, dead])));
    throw new PlanStale(purpose, nonce);
  }

  private async decided(attempts: readonly SentTx[], receipt: TxReceipt): Promise<Mined> {
    const { hash, block, fee, status, gasUsed } = receipt;
    const outcome = { outcome: status === "success" ? "mined" : "reverted", mined: { block, fee } } as const;
    await this.ledger.decide(new Map(attempts.map((tx) => [tx.hash, tx.hash === hash ? outcome : dead])));
    return { hash, block, status, gasUsed, fee };
  }
}

const dead = { outcome: "dead", mined: null } as const;

/** The attempt that pays most: the only one the node can still hold. */
const dearest = (attempts: readonly [SentTx, ...SentTx[]]): SentTx =>
  attempts.reduce((best, tx) => (gasPriceOf(tx) > gasPriceOf(best) ? tx : best));

const siblingsOf = (tx: SentTx, all: readonly SentTx[]): SentTx[] =>
  all.filter((other) => other.nonce === tx.nonce && other.hash !== tx.hash);

/** Groups of open transactions: one purpose at one nonce each, lowest nonce first. */
function openGroups(sent: readonly SentTx[]): [SentTx, ...SentTx[]][] {
  const groups = new Map<string, [SentTx, ...SentTx[]]>();
  for (const tx of sent.filter(({ outcome }) => outcome === "open")) {
    const key = `${tx.nonce} ${tx.purpose}`;
    const group = groups.get(key);
    if (group) group.push(tx);
    else groups.set(key, [tx]);
  }
  return [...groups.values()].sort(([a], [b]) => a.nonce - b.nonce);
}
