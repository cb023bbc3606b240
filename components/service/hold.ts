import { takeHold, type DeathProof, type Hold, type HoldOptions, type Taker } from "../../keystore/hold.js";
import type { HolderPlace } from "../../keystore/store.js";
import { describeError, FleetError } from "../../schema/errors.js";
import type { HostFacts } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import { openStoreHere } from "../context.js";
import { openHost, type Host } from "../host/host.js";
import { hostReferenceSchema, type WorkerReference } from "../worker-reference.js";

/** A host as one who may take a key. */
export const takerAt = ({ reference }: Host, { sealKey }: HostFacts): Exclude<Taker, "nobody"> => ({
  host: reference.name,
  place: { sealKey, reference: toJson(reference) },
});

/** How the holder of a worker's key is found out about, and what the operator is to run with his word if nothing else tells. */
export const holdOptions = (worker: string, command: "up" | "destroy"): HoldOptions => ({
  told: process.env["LIGHTCHAIN_HOLDER_GONE"],
  ask: (place) => askHolder(worker, place),
  wayOut: (holder) => `LIGHTCHAIN_HOLDER_GONE=${holder} pulumi ${command}`,
});

/**
 * Makes `taker` the holder of the worker's key if nobody else may still sign with it. The caller holds the record's lock.
 * @throws HeldElsewhere LF1504
 */
export const holdFor = (worker: WorkerReference, taker: Taker, command: "up" | "destroy"): Promise<Hold> =>
  takeHold(openStoreHere(worker.keys.store), worker.keys.ref, taker, holdOptions(worker.name, command));

/**
 * Asks a holder's host whether its sidecar is stopped for good, and has it keep it so. Only the very host that the key was sealed to can say that: another one at its
 * place knows nothing of it.
 */
async function askHolder(worker: string, place: HolderPlace | undefined): Promise<DeathProof> {
  const lives = (how: string): DeathProof => ({ dead: false, how });
  if (place === undefined) return lives("where it is was not written down");
  const reference = hostReferenceSchema.safeParse(JSON.parse(place.reference));
  if (!reference.success) return lives("this version does not know the way to it");
  const host = openHost(reference.data);
  try {
    const gone = await host.gone?.();
    if (gone !== undefined) return { dead: true, how: gone };
    if (!(await host.present()))
      return lives(
        `${reference.data.root} is not there any more, and nothing else can say whether its process still runs`,
      );
    const first = await host.call("proofOfDeath", { worker });
    if (first.sealKey !== place.sealKey) return lives(`another host is at ${reference.data.root} now`);
    return first.dead ? await host.call("proofOfDeath", { worker, retire: true }) : lives(first.how);
  } catch (error) {
    if (error instanceof FleetError) return lives(`it could not be asked (${describeError(error)})`);
    throw error;
  }
}
