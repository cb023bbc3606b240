import { pastFundings } from "../../lifecycle/fund.js";
import { fromStored } from "../../lifecycle/ledger.js";
import { nodeOf } from "../../lifecycle/node.js";
import { openStoredSender, type StoredSender } from "../../lifecycle/stored-sender.js";
import type { WorkerRecord } from "../../keystore/store.js";
import type { Network } from "../../schema/network.js";
import { systemClock } from "../../system/clock.js";
import { chainOf, openStoreHere } from "../context.js";
import { keyReferenceSchema, type KeyReference } from "../worker-reference.js";

/** What pays from a treasury: one payment at a time, each written down before it is sent. */
export async function treasurySender({ store, ref }: KeyReference, network: Network): Promise<StoredSender> {
  const { client } = await chainOf(network);
  return openStoredSender({
    store: openStoreHere(store),
    ref,
    node: nodeOf(client),
    chainId: network.chainId,
    clock: systemClock,
    pollMs: 250,
  });
}

/**
 * Waits until no payment to a worker is on its way any more: one that arrived later would be under keys that nobody looks at. A treasury whose record is not here
 * cannot be asked, and is not waited for.
 * @throws OutcomeUnknown LF1231 when one stays undecided, and what the treasury's store throws
 */
export async function awaitIncoming(record: WorkerRecord, network: Network): Promise<void> {
  const payer = keyReferenceSchema.safeParse(record.fundedFrom);
  if (!payer.success) return; // never funded
  const store = openStoreHere(payer.data.store);
  if (!(await store.has(payer.data.ref))) return;
  const { sent } = (await store.read(payer.data.ref, "treasury")).record;
  const worker = { chainId: record.chainId, worker: record.address };
  const isOnTheWay = pastFundings({ sent: sent.map(fromStored) }, worker, new Map()).some(
    ({ outcome }) => outcome === "open",
  );
  if (isOnTheWay) await (await treasurySender(payer.data, network)).settle();
}
