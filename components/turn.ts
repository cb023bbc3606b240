import { openStoreHere } from "./context.js";
import type { KeyReference } from "./worker-reference.js";

/** Longest wait for another run that works on the same worker (ms): joining may take ten minutes of it. */
const waitMs = 1_200_000;

/**
 * Runs one create, update or delete while no other run does anything with the same worker. An engine that was killed leaves a provider that finishes what it
 * had begun; the next run comes after it, and then finds the work done.
 *
 * @throws RecordLocked LF1106 when the other run takes too long
 */
export async function inTurn<T>(worker: KeyReference, work: () => Promise<T>): Promise<T> {
  const turn = await openStoreHere(worker.store).turn(worker.ref, waitMs);
  try {
    return await work();
  } finally {
    turn.release();
  }
}
