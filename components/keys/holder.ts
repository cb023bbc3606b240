import { decideHold, released } from "../../keystore/hold.js";
import type { RecordRef, SecretStore, WorkerRecord } from "../../keystore/store.js";
import { withRecordLock } from "../context.js";

/** How a record names whoever may sign with its key, for a person and for {@link isProvenGone}: `<host>#<epoch>`. */
export const holdingOf = ({ holder, epoch }: Pick<WorkerRecord, "holder" | "epoch">): string =>
  `${holder ?? ""}#${epoch}`;

/**
 * Whether nobody else signs with a record's key: no host holds it, or the operator has said of exactly this holder and epoch that it is gone for good. Pure.
 * @param told `<host>#<epoch>`, as in LIGHTCHAIN_HOLDER_GONE
 */
export const isProvenGone = (
  record: Pick<WorkerRecord, "holder" | "holderAt" | "epoch">,
  told: string | undefined,
): boolean => decideHold(record, "nobody", { told, proof: null }).kind !== "refused";

/**
 * Takes the key away from a holder that is gone, under a new epoch, and has the worker leave: sticky, so that no later run registers it again.
 * @returns the record as it is now; `undefined`, and nothing changed, when somebody else may still sign
 */
export function takeBack(
  store: SecretStore,
  ref: RecordRef,
  told: string | undefined,
): Promise<WorkerRecord | undefined> {
  return withRecordLock(store, ref, async () => {
    const { record, version } = await store.read(ref, "worker");
    const decision = decideHold(record, "nobody", { told, proof: null });
    if (decision.kind === "refused") return undefined;
    if (decision.kind === "keep" && record.leaving && record.archived === null) return record;
    const taken: WorkerRecord = { ...released(record), epoch: decision.epoch, leaving: true, archived: null };
    return (await store.update(ref, version, taken)).record;
  });
}
