import { formatEther } from "viem";
import { converge } from "../../lifecycle/apply.js";
import { plan } from "../../lifecycle/plan.js";
import { nodeOf } from "../../lifecycle/node.js";
import { openStoredSender } from "../../lifecycle/stored-sender.js";
import type { Desired, Observed } from "../../lifecycle/types.js";
import type { EmptyOnChain, RecordRef, SecretStore, WorkerRecord } from "../../keystore/store.js";
import { FleetError } from "../../schema/errors.js";
import type { Network } from "../../schema/network.js";
import { systemClock } from "../../system/clock.js";
import { observeWorker } from "../chain/observe-worker.js";
import { skipDeregister } from "../chain/leave.js";
import { chainOf } from "../context.js";

/** LF1502: the chain still holds something of this worker, so its keys are not given up. Next: what the line says, then pulumi destroy again. */
export class NotEmptyOnChain extends FleetError {
  constructor(worker: string, what: string, fix: string) {
    super("LF1502", `The keys of worker ${worker} are kept: ${what}.`, { fix });
  }
}

/**
 * The last net under a worker's money. Before its keys are archived, the chain must show that nothing is left under them; what can be fetched is
 * fetched now, by the same plan that the sidecar follows, with the key itself, once no host holds it any more.
 *
 * @returns the proof to archive with; `undefined` when the operator skipped it, so that the record stays as it is
 * @throws NotEmptyOnChain LF1502
 */
export async function proveEmpty(
  store: SecretStore,
  ref: RecordRef,
  network: Network,
): Promise<EmptyOnChain | undefined> {
  if (skipDeregister()) return undefined;
  const { record } = await store.read(ref, "worker");
  if (record.archived !== null) return record.archived;
  const desired: Desired = { kind: "gone", refundTo: record.refundTo, generation: record.generation };
  const observed = await observeWorker(network, record, [], "gone");
  if (plan(desired, observed).steps.length === 0) return emptiness(observed);

  if (record.holder !== null)
    throw new NotEmptyOnChain(record.name, `host ${record.holder} still holds them`, "pulumi destroy again");
  const outcome = await converge({
    desired,
    observe: async () => observeWorker(network, (await store.read(ref, "worker")).record, [], "gone"),
    sender: await senderFor(store, ref, network),
    clock: systemClock,
    sharesKey: true,
    mayWait: (wait) => wait.until.kind === "transaction",
  });
  if (outcome.kind === "done") return emptiness(outcome.observed);
  throw new NotEmptyOnChain(record.name, describe(record, outcome.observed), "pulumi destroy again once that is over");
}

async function senderFor(store: SecretStore, ref: RecordRef, network: Network) {
  const { client } = await chainOf(network);
  return openStoredSender({
    store,
    ref,
    node: nodeOf(client),
    chainId: network.chainId,
    clock: systemClock,
    pollMs: 250,
  });
}

const describe = (record: WorkerRecord, observed: Observed): string =>
  observed.registration === null
    ? `${formatEther(observed.balance)} LCAI and ${formatEther(observed.earnings)} LCAI of earnings are still under ${record.address}`
    : `${record.address} is still registered with ${formatEther(observed.registration.stake)} LCAI and ${observed.registration.activeJobs} active jobs`;

const emptiness = (observed: Observed): EmptyOnChain => ({
  chainId: observed.chainId,
  block: observed.at.number,
  blockHash: observed.at.hash,
  balance: observed.balance,
});
