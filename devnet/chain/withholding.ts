import type { Hex } from "../../schema/units.js";
import type { TransactionMatch } from "../faults.js";

/** What is known of a transaction in the pool. Hex in lower case. */
export interface PooledTransaction {
  readonly hash: Hex;
  readonly from: Hex;
  /** `null` when it creates a contract. */
  readonly to: Hex | null;
  readonly nonce: number;
  readonly input: Hex;
  readonly type: "blob" | "plain";
}

/** Whether every criterion of the rule holds for the transaction; a rule without criteria is about all. */
export const isAbout = (rule: TransactionMatch | undefined, transaction: PooledTransaction): boolean =>
  rule === undefined ||
  ((rule.hash === undefined || rule.hash === transaction.hash) &&
    (rule.from === undefined || rule.from === transaction.from) &&
    (rule.to === undefined || rule.to === transaction.to) &&
    (rule.selector === undefined || transaction.input.startsWith(rule.selector)) &&
    (rule.type === undefined || rule.type === transaction.type));

/** A pool divided by what the next block may contain. */
export interface DividedPool {
  /** What the rules are about. */
  readonly withheld: readonly PooledTransaction[];
  /** What can go into the block, each sender's in the order of nonces; not what follows a withheld one of the same sender. */
  readonly allowed: readonly PooledTransaction[];
}

/** Divides the pool by the rules. */
export function divide(
  pool: readonly PooledTransaction[],
  rules: readonly (TransactionMatch | undefined)[],
): DividedPool {
  const withheld = pool.filter((transaction) => rules.some((rule) => isAbout(rule, transaction)));
  const blockedFrom = new Map<Hex, number>();
  for (const { from, nonce } of withheld) blockedFrom.set(from, Math.min(nonce, blockedFrom.get(from) ?? Infinity));
  const allowed = pool
    .filter(({ from, nonce }) => nonce < (blockedFrom.get(from) ?? Infinity))
    .sort((one, other) => one.nonce - other.nonce);
  return { withheld, allowed };
}
