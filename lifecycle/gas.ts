import { impossible } from "../schema/errors.js";
import { wei, type Wei } from "../schema/units.js";
import type { StepKind } from "./types.js";

/** Whether a reserve for gas is half used, so that it is filled up again; a smaller dent is no reason to move money. Pure. */
export const isHalfUsed = (balance: Wei, reserve: Wei): boolean => balance * 2n < reserve;

/** How much of a step there is, where its gas depends on it. */
export interface StepSize {
  /** Jobs in a release. Default 1. */
  readonly jobs?: number;
  /** Models the worker supports, whose sets it leaves or enters again. Default 1. */
  readonly models?: number;
}

/**
 * Upper bound of the gas of a step, in gas. Plans count with these; what is sent carries the node's estimate and half as much again
 * (operators saw bare estimates run out: contracts reference §6.1). Each bound leaves room for that half.
 */
export function gasBound(step: StepKind, { jobs = 1, models = 1 }: StepSize = {}): bigint {
  switch (step) {
    case "rehearse":
      return 150_000n; // a blob to oneself: 21,000 and the blob's own gas, at the plain price
    case "register":
      return 450_000n;
    case "addModel":
      return 300_000n;
    case "removeModel":
      return 200_000n;
    case "topUp":
    case "reinstate":
      return 150_000n + 150_000n * BigInt(models);
    case "release":
      return 100_000n + 150_000n * BigInt(jobs);
    case "settle":
      return 300_000n;
    case "withdraw":
      return 150_000n;
    case "setCapabilities":
      return 100_000n;
    case "deregister":
      return 250_000n + 100_000n * BigInt(models);
    case "sweep":
      return 42_000n; // 21,000 to a plain account; a contract that receives costs a little more
    default:
      return impossible(step);
  }
}

/** Price per gas that a plain transaction pays: the node's price and a tenth (contracts reference §6.1), in wei. */
export const payingPrice = (gasPrice: bigint): bigint => (gasPrice * 11_000n + 9_999n) / 10_000n;

/** Most that steps of this much gas cost. */
export const gasCost = (gas: bigint, gasPrice: bigint): Wei => wei(gas * payingPrice(gasPrice));

/** Gas of a plain transfer to an account without code. */
export const transferGas = 21_000n;
