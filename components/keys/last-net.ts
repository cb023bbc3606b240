import { formatEther } from "viem";
import { takeHold } from "../../keystore/hold.js";
import type { EmptyOnChain, WorkerRecord } from "../../keystore/store.js";
import type { Observed } from "../../lifecycle/types.js";
import { FleetError } from "../../schema/errors.js";
import { skipDeregister } from "../chain/leave.js";
import { awaitIncoming } from "../chain/incoming.js";
import { askedOfTheChain } from "../chain/silent-chain.js";
import { withRecordLock } from "../context.js";
import { holdOptions } from "../service/hold.js";
import { emptiness, lookOut, walkOut, type Leaver } from "./way-out.js";

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
 * @throws NotEmptyOnChain LF1502, HeldElsewhere LF1504, ChainSilent LF1512
 */
export async function proveEmpty(leaver: Leaver): Promise<EmptyOnChain | undefined> {
  if (skipDeregister()) return undefined;
  const { record } = await leaver.store.read(leaver.ref, "worker");
  if (record.archived !== null) return record.archived;
  return askedOfTheChain({ name: record.name, ...leaver }, () => emptied(leaver));
}

async function emptied(leaver: Leaver): Promise<EmptyOnChain> {
  const { store, ref } = leaver;
  await awaitIncoming((await store.read(ref, "worker")).record, leaver.network);
  const { record, observed, plan } = await lookOut(leaver);
  if (plan.steps.length === 0) return emptiness(observed);
  await withRecordLock(store, ref, () => takeHold(store, ref, "nobody", holdOptions(record.name, "destroy")));
  const outcome = await walkOut(leaver, { mayWait: (wait) => wait.until.kind === "transaction" });
  if (outcome.kind === "done") return emptiness(outcome.observed);
  const waits = outcome.kind === "waiting" ? `; ${outcome.because}` : "";
  const what = `${describe(record, outcome.observed)}${waits}`;
  throw new NotEmptyOnChain(record.name, what, "pulumi destroy again once that is over");
}

const describe = (record: WorkerRecord, observed: Observed): string =>
  observed.registration === null
    ? `${formatEther(observed.balance)} LCAI and ${formatEther(observed.earnings)} LCAI of earnings are still under ${record.address}`
    : `${record.address} is still registered with ${formatEther(observed.registration.stake)} LCAI and ${observed.registration.activeJobs} active jobs`;
