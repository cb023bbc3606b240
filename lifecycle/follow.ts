import { GasTooExpensive, OutcomeUnknown, PlanStale, SendRefused } from "./errors.js";
import type { Following } from "./following.js";
import { broadcastStored } from "./hanging-blob.js";
import type { TxReceipt } from "./node.js";
import { gasPriceOf, isOutpriced, repriced } from "./prepare.js";
import type { Mined, SentTx } from "./types.js";

/** Transactions of one purpose at one nonce: a first one, and the dearer ones that replaced it. At most one of them is ever mined. */
export type Attempts = readonly [SentTx, ...SentTx[]];

/**
 * Sends the bytes of one purpose until the chain has decided, and writes down how. A reverted transaction is decided too.
 * @throws PlanStale when another transaction at the nonce is final, so that these are dead; OutcomeUnknown after the timeout; SendRefused; GasTooExpensive
 */
export async function follow(first: Attempts, by: Following, signal?: AbortSignal): Promise<Mined> {
  const { node, clock, timeoutMs, pollMs, replaceAfterMs } = by;
  const end = clock.now() + timeoutMs;
  let attempts = first;
  let replaceAt = clock.now() + replaceAfterMs;
  for (;;) {
    signal?.throwIfAborted();
    const receipt = await receiptOf(attempts, by);
    if (receipt) return decided(attempts, receipt, by);
    const newest = dearest(attempts);
    const latest = await node.nonce(newest.from, "latest");
    if (latest > newest.nonce) {
      const late = await receiptUnlessFinal(attempts, by);
      if (late) return decided(attempts, late, by);
    } else {
      await fillGap(latest, newest.nonce, by);
      const outpriced = clock.now() >= replaceAt && (await isOutpriced(newest, node));
      const replacement = outpriced ? await repriced(newest, by) : await push(newest, by);
      if (replacement) {
        await by.ledger.append(replacement);
        attempts = [...attempts, replacement];
        replaceAt = clock.now() + replaceAfterMs;
        continue;
      }
    }
    if (clock.now() >= end) throw new OutcomeUnknown(newest.purpose, newest.hash, timeoutMs);
    await clock.sleep(pollMs, signal);
  }
}

/** Open transactions, by purpose and nonce, lowest nonce first. */
export function openAttempts(sent: readonly SentTx[]): Attempts[] {
  const groups = Map.groupBy(
    sent.filter(({ outcome }) => outcome === "open"),
    (tx) => `${tx.nonce} ${tx.purpose}`,
  );
  return [...groups.values()].flatMap(toAttempts).sort(([a], [b]) => a.nonce - b.nonce);
}

/** A list as attempts, if there are any. */
export function toAttempts(transactions: readonly SentTx[]): Attempts[] {
  const [first, ...others] = transactions;
  return first === undefined ? [] : [[first, ...others]];
}

/** Sends a transaction that the node does not have. @returns a dearer one, when the node wants that */
async function push(tx: SentTx, by: Following): Promise<SentTx | null> {
  if (await by.node.knows(tx.hash)) return null;
  const answer = await by.node.broadcast(tx.raw);
  switch (answer.kind) {
    case "held":
    case "behind":
    case "unclear":
      return null; // the chain is read again, and says
    case "refused":
      throw new SendRefused(tx.purpose, answer.reason);
    case "underpriced": {
      const dearer = await repriced(tx, by, "unknown");
      if (dearer === null) throw new GasTooExpensive(await by.node.gasPrice(), by.maxGasPrice);
      return dearer;
    }
  }
}

/** A reorganisation may have taken back, and lost, what was mined before: without it nothing at a later nonce is ever mined again. */
async function fillGap(from: number, to: number, { ledger, node }: Following): Promise<void> {
  if (from >= to) return;
  const sent = (await ledger.sent()).filter((tx) => tx.outcome !== "dead");
  for (let nonce = from; nonce < to; nonce++) {
    const [lost] = toAttempts(sent.filter((tx) => tx.nonce === nonce)).map(dearest); // none: it is somebody else's
    if (lost && !(await node.knows(lost.hash))) await broadcastStored(lost.raw, node);
  }
}

async function receiptOf(attempts: Attempts, { node }: Following): Promise<TxReceipt | undefined> {
  const receipts = await Promise.all(attempts.map((tx) => node.receipt(tx.hash)));
  return receipts.find((receipt) => receipt !== null) ?? undefined;
}

/** Their nonce is used. Either one of them was mined this moment, or another transaction was: once that is final, these are dead. */
async function receiptUnlessFinal(attempts: Attempts, by: Following): Promise<TxReceipt | undefined> {
  const [{ purpose, nonce, from }] = attempts;
  if ((await by.node.nonce(from, "final")) <= nonce) return undefined;
  const receipt = await receiptOf(attempts, by);
  if (receipt) return receipt;
  await by.ledger.decide(new Map(attempts.map((tx) => [tx.hash, dead])));
  throw new PlanStale(purpose, nonce);
}

async function decided(attempts: Attempts, receipt: TxReceipt, { ledger }: Following): Promise<Mined> {
  const { hash, block, fee, status, gasUsed } = receipt;
  const outcome = { outcome: status === "success" ? "mined" : "reverted", mined: { block, fee } } as const;
  await ledger.decide(new Map(attempts.map((tx) => [tx.hash, tx.hash === hash ? outcome : dead])));
  return { hash, block, status, gasUsed, fee };
}

const dead = { outcome: "dead", mined: null } as const;

/** The attempt that pays most: the only one that a node still holds. */
const dearest = (attempts: Attempts): SentTx =>
  attempts.reduce((best, tx) => (gasPriceOf(tx) > gasPriceOf(best) ? tx : best));
