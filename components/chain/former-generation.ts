import { openStoreHere } from "../context.js";
import { openHost } from "../host/host.js";
import { waitForStatus } from "../service/status.js";
import type { WorkerReference } from "../worker-reference.js";
import { observeWorker } from "./observe-worker.js";

/**
 * Waits, before the stake of a new generation is paid, until the sidecar is through with the former one: as long as it leaves, it sends on to `refundTo` whatever it has. One whose
 * host was set up anew knows from its secret that it leaves, and only sees after its start that nothing is left to do. One that is registered takes a new generation up as it is.
 * @throws SidecarTooSlow when it has not left within 90 s
 */
export async function untilFormerHasLeft({ name, network, keys, host }: WorkerReference): Promise<void> {
  const { record } = await openStoreHere(keys.store).read(keys.ref, "worker");
  if (!record.leaving) return;
  const { registration } = await observeWorker(network, record, [], "standby");
  if (registration !== null) return;
  await waitForStatus(openHost(host), name, ({ mode }) => mode !== "leaving");
}
