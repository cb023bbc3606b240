import { converge, type ConvergeOptions, type ConvergeOutcome } from "../../lifecycle/apply.js";
import { nodeOf } from "../../lifecycle/node.js";
import { plan } from "../../lifecycle/plan.js";
import { openStoredSender, type StoredSenderOptions } from "../../lifecycle/stored-sender.js";
import type { Desired, Observed, Plan } from "../../lifecycle/types.js";
import type { EmptyOnChain, RecordRef, SecretStore, WorkerRecord } from "../../keystore/store.js";
import type { Network } from "../../schema/network.js";
import { systemClock } from "../../system/clock.js";
import { observeWorker } from "../chain/observe-worker.js";
import { chainOf } from "../context.js";

/** A worker whose key is used here, because nobody else does any more. */
export interface Leaver {
  readonly store: SecretStore;
  readonly ref: RecordRef;
  readonly network: Network;
}

/** What is still to be done until nothing is left under a worker's key. */
export interface WayOut {
  readonly record: WorkerRecord;
  readonly observed: Observed;
  readonly plan: Plan;
}

const desiredOf = (record: WorkerRecord): Desired => ({
  kind: "gone",
  refundTo: record.refundTo,
  generation: record.generation,
});

/** Reads record and chain; sends nothing. */
export async function lookOut({ store, ref, network }: Leaver): Promise<WayOut> {
  const { record } = await store.read(ref, "worker");
  const observed = await observeWorker(network, record, [], "gone");
  return { record, observed, plan: plan(desiredOf(record), observed) };
}

/** How {@link walkOut} goes: which waits are stayed for, who hears of the steps, and the most that is paid for a unit of gas (wei). */
export type Walking = Pick<ConvergeOptions, "mayWait" | "onStep" | "signal"> & Pick<StoredSenderOptions, "maxGasPrice">;

/**
 * Walks the way out with the key itself, as the sidecar would: release, withdraw, deregister, sweep to the `refundTo` of the sealed record. Safe to run again
 * after any error; what was sent is written down beside the key first.
 * @throws what {@link converge} throws
 */
export async function walkOut(
  { store, ref, network }: Leaver,
  { maxGasPrice, ...walking }: Walking,
): Promise<ConvergeOutcome> {
  const { client } = await chainOf(network);
  const { record } = await store.read(ref, "worker");
  return converge({
    desired: desiredOf(record),
    observe: async () => observeWorker(network, (await store.read(ref, "worker")).record, [], "gone"),
    sender: await openStoredSender({
      store,
      ref,
      node: nodeOf(client),
      chainId: network.chainId,
      clock: systemClock,
      pollMs: 250,
      ...(maxGasPrice === undefined ? {} : { maxGasPrice }),
    }),
    clock: systemClock,
    sharesKey: true,
    ...walking,
  });
}

/** What a record is archived with: a chain that holds nothing of the worker any more. */
export const emptiness = (observed: Observed): EmptyOnChain => ({
  chainId: observed.chainId,
  block: observed.at.number,
  blockHash: observed.at.hash,
  balance: observed.balance,
});
