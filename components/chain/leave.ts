import { FleetError } from "../../schema/errors.js";
import type { SidecarStatus } from "../../schema/control.js";
import { openStoreHere, withRecordLock } from "../context.js";
import { openHost } from "../host/host.js";
import { ask, SidecarTooSlow, waitForStatus } from "../service/status.js";
import type { WorkerReference } from "../worker-reference.js";
import { askedOfTheChain, askForHead } from "./silent-chain.js";

/** LF1510: the worker is leaving, and it takes longer than this destroy was to wait. */
export class ExitTakesLonger extends FleetError {
  constructor(
    readonly worker: string,
    status: SidecarStatus,
  ) {
    const jobs = status.jobs.map((job) => job.id.toString());
    const sessions = status.sessions.filter((one) => one.standing === "open").map((one) => one.id.toString());
    const when = status.nextAt === null ? "when they end" : new Date(Number(status.nextAt) * 1000).toISOString();
    super(
      "LF1510",
      `Worker ${worker} is leaving: ${listed("job", jobs)} and ${listed("open session", sessions)} keep it until ${when} at the earliest; its stake stays locked until then.`,
      { fix: `leave it running: it exits by itself. Then, from ${when}: pulumi destroy` },
    );
  }
}
const listed = (thing: string, ids: readonly string[]): string =>
  ids.length === 0 ? `no ${thing}s` : `${thing}${ids.length === 1 ? "" : "s"} ${ids.join(", ")}`;

/** How long a run waits by default for a worker that is in trouble (ms). */
export const defaultPatienceMs = 60_000;

/** A gateway or an Ollama that is down keeps no worker from leaving: only chain, disk and a sidecar that says nothing do. Pure. */
export const keepsFromLeaving = (code: string): boolean => !/^LF14[3467]\d$/.test(code);

/**
 * Has the worker leave the network, and waits until nothing of value is left under its key. Sticky: written into the key's record first, so that no
 * later run takes it back by accident.
 *
 * @throws ExitTakesLonger LF1510 when it is not gone after `maxWaitMs`, SidecarInTrouble when it got no further for `patienceMs`; it goes on leaving by itself. ChainSilent LF1512
 */
export async function leave(worker: WorkerReference, maxWaitMs: number, patienceMs = defaultPatienceMs): Promise<void> {
  const store = openStoreHere(worker.keys.store);
  const leaving = { name: worker.name, network: worker.network, store, ref: worker.keys.ref };
  if ((await store.read(leaving.ref, "worker")).record.generation === 0) return; // never asked to register: there is nothing to leave
  // Before anything is changed, and again after a long wait: a sidecar that hears nothing of the chain would only be waited for.
  await askedOfTheChain(leaving, () => askForHead(worker.network));
  const generation = await withRecordLock(store, worker.keys.ref, async () => {
    const { record, version } = await store.read(worker.keys.ref, "worker");
    if (!record.leaving) await store.update(worker.keys.ref, version, { ...record, leaving: true });
    return record.generation;
  });
  const machine = openHost(worker.host);
  await ask(machine, worker.name, { op: "leave", generation });
  try {
    await waitForStatus(machine, worker.name, (status) => status.mode === "gone", {
      timeoutMs: maxWaitMs,
      patience: { ms: patienceMs, counts: keepsFromLeaving },
      again: "pulumi destroy (it goes on leaving by itself meanwhile)",
    });
  } catch (error) {
    if (!(error instanceof SidecarTooSlow)) throw error;
    await askedOfTheChain(leaving, () => askForHead(worker.network));
    throw new ExitTakesLonger(worker.name, await ask(machine, worker.name, { op: "status" }));
  }
}

/** The operator's way out when the chain cannot be asked: the stack empties, the key stays, and the stake is recovered later. */
export const skipDeregister = (): boolean => process.env["LIGHTCHAIN_SKIP_DEREGISTER"] === "1";
