import { shortfall, wei, type Wei } from "../schema/units.js";
import { gasBound, gasCost, isHalfUsed } from "./gas.js";
import type { Observed } from "./types.js";

type Purse = Pick<Observed, "balance" | "earnings" | "gasPrice" | "rules">;

/** A withdrawal costs at most this part of what it brings. */
const mostCost = 100n;

/**
 * What a worker withdraws of its earnings to fill its reserve up by itself (wei): all of them, once the reserve is half used and the withdrawal costs at most a hundredth of what it brings;
 * else nothing. Pure. Source: contracts reference §4.7.
 * @param toStake what leaves the balance into the stake before
 */
export function refill({ balance, earnings, gasPrice, rules }: Purse, reserve: Wei, toStake = wei(0n)): Wei {
  const cost = gasCost(gasBound("withdraw"), gasPrice);
  const isWorthIt = earnings > 0n && earnings >= mostCost * cost && balance >= cost;
  return isHalfUsed(shortfall(balance, toStake), reserve) && isWorthIt && !rules.paused.jobs ? earnings : wei(0n);
}
