import { parseTransaction } from "viem";
import type { FormerPayments, StoredTx, TreasuryRecord } from "../keystore/store.js";
import type { BlockTime } from "../schema/units.js";
import type { Following } from "./following.js";
import { parsePurpose } from "./purpose.js";

/** What of a treasury's record lists its payments. */
export type PaymentLists = Pick<TreasuryRecord, "sent" | "former">;

/** Where what is over for good ends: nothing undoes a transaction of a lower nonce, and no limit looks at the time of one that was mined up to that block. */
export interface OverUntil {
  readonly nonce: number;
  readonly block: bigint;
}

/** As many are listed one by one whatever their age: half of what the smallest store has place for (65,536 bytes, Secrets Manager). */
const mostListed = 60;

/** Whether a payment counts towards a daily limit: for 24 hours of block time, and always where its time is not known. Pure. */
export const isOfToday = (at: BlockTime | null, now: BlockTime): boolean => at === null || at + secondsPerDay > now;
const secondsPerDay = 86_400n;

/**
 * The payments to each worker that are over for good, as one sum, and all others as they were listed. A payment is over when all that was sent for it is: the numbers of
 * later ones count on from the highest. Pure.
 */
export function condensed({ sent, former = [] }: PaymentLists, until: OverUntil): Required<PaymentLists> {
  const isOver = (tx: StoredTx): boolean =>
    tx.outcome !== "open" && tx.nonce < until.nonce && (tx.mined === null || tx.mined.block <= until.block);
  const staying = new Set(sent.flatMap((tx) => (paymentOf(tx.purpose) && isOver(tx) ? [] : [tx.purpose])));
  const sums = new Map(former.map((one) => [keyOf(one), one]));
  for (const tx of sent) {
    const payment = paymentOf(tx.purpose);
    if (payment === undefined || staying.has(tx.purpose)) continue;
    const { worker, generation, number } = payment;
    const sum = sums.get(keyOf(payment)) ?? { worker, generation, last: 0, amount: 0n };
    const paid = tx.outcome === "mined" ? (parseTransaction(tx.raw).value ?? 0n) : 0n;
    sums.set(keyOf(payment), { ...sum, last: Math.max(sum.last, number), amount: sum.amount + paid });
  }
  return { sent: sent.filter((tx) => staying.has(tx.purpose)), former: [...sums.values()] };
}

/** Whether a purpose's payments are no longer listed: it must not be paid again. Pure. */
export function isFormer(purpose: string, former: readonly FormerPayments[] = []): boolean {
  const payment = paymentOf(purpose);
  return payment !== undefined && former.some((one) => keyOf(one) === keyOf(payment) && payment.number <= one.last);
}

/** Keeps a treasury's list short, once it is long. Under the record's lock. */
export async function condense({ ledger, node }: Pick<Following, "ledger" | "node">): Promise<void> {
  const sent = await ledger.sent();
  if (sent.length <= mostListed) return;
  const [nonce, now] = await Promise.all([node.nonce(ledger.address, "final"), node.timeOf("latest")]);
  if (now === null) return;
  let block = -1n;
  // Oldest first: the first one of today ends it.
  const blocks = new Set(sent.flatMap((tx) => (tx.nonce < nonce && tx.mined !== null ? [tx.mined.block] : [])));
  for (const next of [...blocks].sort((one, other) => (one < other ? -1 : 1))) {
    if (isOfToday(await node.timeOf(next), now)) break;
    block = next;
  }
  await ledger.condense({ nonce, block });
}

const keyOf = ({ worker, generation }: Pick<FormerPayments, "worker" | "generation">): string =>
  `${worker}/${generation}`;

/** Which payment to which worker a purpose stands for; `undefined` when it is no payment's. Pure. */
export function paymentOf(
  purpose: string,
): (Pick<FormerPayments, "worker" | "generation"> & { number: number }) | undefined {
  const { kind, worker, generation, detail = "" } = parsePurpose(purpose) ?? {};
  if (kind !== "fund" || worker === undefined || generation === undefined || !/^[1-9][0-9]{0,8}$/.test(detail))
    return undefined;
  return { worker, generation, number: Number(detail) };
}
