import type { Clock } from "../system/clock.js";
import type { Ledger } from "./ledger.js";
import type { SenderNode } from "./node.js";

/** What it takes to bring a key's transactions to their end, its own or those that hang in their way. Durations in ms. */
export interface Following {
  readonly ledger: Ledger;
  readonly node: SenderNode;
  readonly clock: Clock;
  readonly chainId: number;
  /** Highest price per gas ever paid, wei. */
  readonly maxGasPrice: bigint;
  readonly timeoutMs: number;
  readonly replaceAfterMs: number;
  readonly pollMs: number;
}
