import { FleetError } from "../../schema/errors.js";
import type { HostFacts } from "../../schema/host.js";
import type { ModelName } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";
import { openHost, type Host } from "../host/host.js";
import { HostNotReached, isSaidGone } from "../host/unreached.js";
import { PartlyDone } from "../implementation.js";
import { tell } from "../tell.js";
import { isSameHost, type HostReference, type WorkerReference } from "../worker-reference.js";
import { nextLookMs } from "./patience.js";
import { ask } from "./status.js";

/*
 * A worker moves by an update of its service: it stops claiming, finishes what it runs and ends; the key changes hands under the next epoch, by the proof that it has
 * ended; its journal follows, sealed; then it starts at the new place. It stays registered all the while, and never are there two.
 */

/** LF1507: a worker was to move that still answers for models which the new host does not have. */
export class StillRetiring extends FleetError {
  constructor(worker: string, models: readonly ModelName[]) {
    super(
      "LF1507",
      `Worker ${worker} cannot move yet: open sessions may still bring it jobs for ${models.join(", ")}, which its program names no more.`,
      { fix: "name them again, or leave the host as it was, until their sessions have ended; then pulumi up." },
    );
  }
}

/** The hosts that something of a worker may still be on, once it serves on this one. The newest last, each once. Pure. */
export const formerHosts = (hosts: readonly HostReference[], now: HostReference): HostReference[] =>
  hosts.filter(
    (host, index) => !isSameHost(host, now) && !hosts.slice(index + 1).some((later) => isSameHost(later, host)),
  );

/** From one host to another. Whatever goes wrong before the key has changed hands leaves the old one serving. */
export async function move<T>(from: WorkerReference, to: HostReference, converge: () => Promise<T>): Promise<T> {
  tell([`worker ${from.name} moves from host ${from.host.name} to ${to.name}: it finishes its jobs first`]);
  await stopAt(from);
  try {
    return await converge();
  } catch (error) {
    if (!(error instanceof PartlyDone)) {
      await openHost(from.host)
        .call("revive", { worker: from.name })
        .catch(() => undefined); // what kept it from moving is what is told
    }
    throw error;
  }
}

/** Lets the sidecar of a host that is moved away from finish what it runs and end; what does not answer is left to the proof of its death. */
async function stopAt(worker: WorkerReference): Promise<void> {
  const machine = openHost(worker.host);
  const isAsked = await ask(machine, worker.name, { op: "drain" }).then(
    () => true,
    () => false,
  );
  const begun = systemClock.now();
  const waited = (): number => systemClock.now() - begun;
  for (; isAsked && waited() < drainWaitMs; await systemClock.sleep(nextLookMs(waited())))
    if ((await machine.call("proofOfDeath", { worker: worker.name })).dead) return;
}
/** Longest wait for a sidecar that is to end (ms): its jobs' completion timeout, and a little. */
const drainWaitMs = 180_000;

/**
 * Has a former host give a worker's journal to the one that serves next. One that cannot be had is gone without: under a new epoch nothing from before is done again,
 * and sessions wait for nobody.
 */
export async function bringJournal(
  { name, address }: Pick<WorkerReference, "name" | "address">,
  from: Host,
  to: Host,
  { host, sealKey, epoch }: Pick<HostFacts, "host" | "sealKey"> & { readonly epoch: number },
): Promise<void> {
  const without = (why: string): void =>
    tell([
      `the journal of worker ${name} stays behind on host ${from.reference.name} (${why}): what it holds is read from the chain again, as far as that goes`,
    ]);
  if (isSaidGone(from.reference.name)) return without("it is gone");
  let given;
  try {
    if (!(await from.present())) return without("nothing of ours is there any more");
    given = await from.call("giveJournal", { worker: name, address, to: { host, sealKey, epoch } });
  } catch (error) {
    if (error instanceof HostNotReached || (error instanceof FleetError && error.code === unknownVerb))
      return without(error.summary.replace(/\.$/, ""));
    throw error;
  }
  if (given.sealed !== null) await to.call("takeJournal", { worker: name, address, epoch, sealed: given.sealed });
  else if (given.why !== null) without(given.why);
}
/** What the host program of an older bundle says of a verb that is newer. */
const unknownVerb = "LF1336";
