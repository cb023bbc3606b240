import { modelIdOf } from "../../protocol/model-id.js";
import { fromStored } from "../../lifecycle/ledger.js";
import { createObserver, type Observer } from "../../lifecycle/observe.js";
import type { Observed } from "../../lifecycle/types.js";
import type { WorkerRecord } from "../../keystore/store.js";
import type { Network } from "../../schema/network.js";
import { chainOf } from "../context.js";

/** One observer for each worker and node in this process: it remembers what cannot change, so that looking again and again costs little. */
const observers = new Map<string, Promise<Observer>>();

/** The worker as the chain shows it, for decisions that are made without its sidecar. */
export async function observeWorker(
  network: Network,
  record: Pick<WorkerRecord, "address" | "registeredAt" | "sent" | "generation" | "leaving">,
  models: readonly string[],
  server: Observed["server"],
): Promise<Observed> {
  const observer = await observerOf(network, record.address);
  return observer.observe({
    models: models.map(modelIdOf),
    since: record.registeredAt?.number ?? null,
    sent: record.sent.map(fromStored),
    server,
    rehearsed: false,
    leftGeneration: record.leaving ? record.generation : 0,
  });
}

function observerOf(network: Network, worker: WorkerRecord["address"]): Promise<Observer> {
  const key = `${network.chainId} ${network.endpoints.rpc} ${worker}`;
  const known = observers.get(key);
  if (known) return known;
  const fresh = chainOf(network).then(({ client, contracts }) =>
    createObserver({ client, contracts, chainId: network.chainId, worker }),
  );
  observers.set(key, fresh);
  fresh.catch(() => observers.delete(key)); // a node that was down is asked again
  return fresh;
}
