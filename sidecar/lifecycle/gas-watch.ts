import { isHalfUsed } from "../../lifecycle/gas.js";
import { refill } from "../../lifecycle/refill.js";
import type { Observed } from "../../lifecycle/types.js";
import { addWei } from "../../schema/units.js";
import type { Parts } from "../parts.js";
import type { Intent } from "./intent.js";
import { GasLow } from "./troubles.js";

/** Watches what a serving worker has for gas. */
export interface GasWatch {
  /** Looks at what was read of the chain: the first look at which it is low raises an alarm, and so does the next time after it was filled up. */
  see(observed: Observed, intent: Intent): void;
}

/** Compares what the worker has, and what it withdraws by itself, with the reserve that it is to have, by the rule by which that is filled up. */
export function createGasWatch({ ports, identity }: Pick<Parts, "ports" | "identity">): GasWatch {
  let wasLow = false;
  return {
    see: (observed, intent) => {
      const { registration, balance } = observed;
      const reserve = registration !== null && intent.kind === "serving" ? intent.serving.gasReserve : null;
      const isLow = reserve !== null && isHalfUsed(addWei(balance, refill(observed, reserve)), reserve);
      if (isLow && !wasLow) ports.alarm.raise("LF1463", new GasLow(identity.worker, balance, reserve).summary);
      wasLow = isLow;
    },
  };
}
