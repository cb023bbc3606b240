import { modelIdOf } from "../../protocol/model-id.js";
import { fromStored } from "../../lifecycle/ledger.js";
import { observe } from "../../lifecycle/observe.js";
import type { Observed } from "../../lifecycle/types.js";
import type { WorkerRecord } from "../../keystore/store.js";
import type { Network } from "../../schema/network.js";
import { chainOf } from "../context.js";

/** The worker as the chain shows it, for decisions that are made without its sidecar. */
export async function observeWorker(
  network: Network,
  record: Pick<WorkerRecord, "address" | "registeredAt" | "sent" | "generation" | "leaving">,
  models: readonly string[],
  server: Observed["server"],
): Promise<Observed> {
  const { client, contracts } = await chainOf(network);
  return observe({
    client,
    contracts,
    chainId: network.chainId,
    worker: record.address,
    models: models.map(modelIdOf),
    since: record.registeredAt?.number ?? null,
    sent: record.sent.map(fromStored),
    server,
    rehearsed: false,
    leftGeneration: record.leaving ? record.generation : 0,
  });
}
