import type { Observed } from "../../lifecycle/types.js";
import { describeError } from "../../schema/errors.js";
import { wei } from "../../schema/units.js";
import type { Parts } from "../parts.js";
import { purposesOf } from "../purposes.js";

/**
 * Makes a handover visible where every former holder looks: a transfer of nothing to ourselves, once an epoch, uses up a nonce that none of them has signed for. One that
 * was only paused, or runs from an old copy, then finds the chain ahead of its journal and signs nothing more. It costs the gas of a transfer; a worker that is not
 * registered has nothing that a former holder could spoil.
 */
export async function markHandover(
  parts: Pick<Parts, "ports" | "journal" | "identity" | "log">,
  observed: Observed,
): Promise<void> {
  const { ports, journal, identity, log } = parts;
  const epoch = journal.epoch();
  if ((epoch?.since ?? null) === null || observed.registration === null) return;
  const vouchedFor = epoch?.nonce ?? 0;
  try {
    // The first nonces that are free may be those of what the former holder left in the pools: that it has signed for.
    for (let n = 1, isMarked = false; !isMarked; n++) {
      const purpose = purposesOf(parts).handover(identity.epoch, n);
      await ports.transactions.send({ purpose, to: identity.worker, data: "0x", value: wei(0n) }, undefined, "job");
      isMarked = journal.sentFor(purpose).some(({ outcome, nonce }) => outcome === "mined" && nonce >= vouchedFor);
    }
  } catch (error) {
    log.warn({ epoch: identity.epoch, reason: describeError(error) }, "the new epoch could not be marked on the chain");
  }
}
