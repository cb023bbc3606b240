import { isHalfUsed } from "../../lifecycle/gas.js";
import type { Observed } from "../../lifecycle/types.js";
import type { Parts } from "../parts.js";
import type { Intent } from "./intent.js";
import { GasLow } from "./troubles.js";

/** Watches what a serving worker has for gas. */
export interface GasWatch {
  /** Looks at what was read of the chain: the first look at which it is low raises an alarm, and so does the next time after it was filled up. */
  see(observed: Observed, intent: Intent): void;
}

/** Compares the balance with the reserve that the worker is to have, by the rule by which it is filled up. */
export function createGasWatch({ ports, identity }: Pick<Parts, "ports" | "identity">): GasWatch {
  let wasLow = false;
  return {
    see: ({ registration, balance }, intent) => {
      const reserve = registration !== null && intent.kind === "serving" ? intent.serving.gasReserve : null;
      const isLow = reserve !== null && isHalfUsed(balance, reserve);
      if (isLow && !wasLow) ports.alarm.raise("LF1463", new GasLow(identity.worker, balance, reserve).summary);
      wasLow = isLow;
    },
  };
}
