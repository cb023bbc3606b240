import { BaseError } from "viem";
import { silent } from "../lifecycle/node.js";
import { FleetError } from "../schema/errors.js";
import { DiskFull, isDiskFull, pathOf } from "../system/disk.js";

/**
 * Trouble that may befall any provider at any step, as the one line a person reads: a node that does not answer (LF1238), a disk that is full (LF1350). Everything
 * else is handed back as it is: what has a code has said enough, and the rest is a bug.
 */
export function coded(error: unknown): unknown {
  if (error instanceof FleetError) return error;
  if (isDiskFull(error)) return new DiskFull(pathOf(error), error);
  if (error instanceof BaseError) return silent(error);
  return error;
}
