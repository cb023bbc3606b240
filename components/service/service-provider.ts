import { z } from "zod";
import { sealForHost } from "../../keystore/sealing.js";
import type { WorkerRecord } from "../../keystore/store.js";
import { FleetError } from "../../schema/errors.js";
import type { SidecarStatus } from "../../schema/control.js";
import { hashSchema, modelNameSchema, toJson } from "../../schema/json.js";
import { settingsSchema, type Settings } from "../../schema/settings.js";
import type { WorkerSecret } from "../../schema/secrets.js";
import type { ModelName } from "../../schema/units.js";
import { coded } from "../coded.js";
import { openStoreHere, withRecordLock } from "../context.js";
import { openHost, type Host } from "../host/host.js";
import { implement, PartlyDone } from "../implementation.js";
import { isProvenGone } from "../keys/holder.js";
import { workerReferenceSchema, type WorkerReference } from "../worker-reference.js";
import type { Patience } from "./patience.js";
import { stillNeeded, unwanted } from "./retiring.js";
import { ask, waitForStatus } from "./status.js";

/** LF1504: another host may still sign with this worker's key. */
export class HeldElsewhere extends FleetError {
  constructor(worker: string, holder: string, epoch: number) {
    super("LF1504", `Worker ${worker} is held by host ${holder} (epoch ${epoch}), which is not proven stopped.`, {
      fix: `stop it there; if that machine is gone for good: LIGHTCHAIN_HOLDER_GONE=${holder}#${epoch} pulumi up`,
    });
  }
}

/** LF1503: the service would be stopped while the chain still expects this worker to answer. */
export class StillRegistered extends FleetError {
  constructor(worker: string) {
    super("LF1503", `Worker ${worker} is still on its way out, so its service stays up to answer what may come.`, {
      fix: "pulumi destroy again; `LIGHTCHAIN_SKIP_DEREGISTER=1 pulumi destroy` gives the stack up and keeps the key.",
    });
  }
}

const inputs = z.object({
  worker: workerReferenceSchema,
  bundle: hashSchema,
  models: z.array(modelNameSchema).min(1),
  ollamaUrl: z.url(),
  tuning: z.record(z.string(), z.unknown()),
});
const computed = z.object({
  epoch: z.number().int(),
  holder: z.string(),
  /** Models that the program wants no more and that sessions may still use: the sidecar goes on answering for them. */
  retiring: z.array(modelNameSchema).default([]),
});
type Inputs = z.infer<typeof inputs>;

const idOf = ({ network, address }: WorkerReference): string => `${network.chainId}:${address}:service`;

async function converge(wanted: Inputs, retiring: readonly ModelName[]): Promise<z.infer<typeof computed>> {
  const { worker } = wanted;
  const machine = openHost(worker.host);
  const settings = settingsOf(wanted, retiring);
  const store = openStoreHere(worker.keys.store);
  const epoch = await withRecordLock(store, worker.keys.ref, async () => {
    const held = await takeHold(worker);
    await sealTo(machine, worker, held.record, held.epoch);
    return held.epoch;
  });
  const done = { epoch, holder: worker.host.name, retiring: [...retiring] };
  try {
    await machine.call("reconcile", {
      worker: worker.name,
      section: "service",
      desired: { kind: "service", bundle: wanted.bundle, settings },
    });
    await waitForStatus(machine, worker.name, (status) => status.epoch === epoch, { patience: startPatience });
  } catch (thrown) {
    const error = coded(thrown);
    // It may run, or come to run, on this host from here on: a destroy must know of it, or it could not take the host down.
    if (error instanceof FleetError) throw new PartlyDone(idOf(worker), done, error);
    throw error;
  }
  return done;
}

/** A sidecar that ends at its start is tried again meanwhile, with growing pauses; one that is only starting has the whole time. */
const startPatience: Patience = { ms: 15_000, counts: (code) => code === "LF1321" };

/** Makes this host the record's holder, under a new epoch unless it holds it already. */
async function takeHold(worker: WorkerReference): Promise<{ record: WorkerRecord; epoch: number }> {
  const store = openStoreHere(worker.keys.store);
  const { record, version } = await store.read(worker.keys.ref, "worker");
  const here = worker.host.name;
  if (record.holder === here) return { record, epoch: record.epoch };
  if (!isProvenGone(record, process.env["LIGHTCHAIN_HOLDER_GONE"]))
    throw new HeldElsewhere(worker.name, record.holder ?? "", record.epoch);
  const epoch = record.epoch + 1;
  return { record: (await store.update(worker.keys.ref, version, { ...record, holder: here, epoch })).record, epoch };
}

async function sealTo(machine: Host, worker: WorkerReference, record: WorkerRecord, epoch: number): Promise<void> {
  const facts = await machine.call("facts", {});
  const secret: WorkerSecret = {
    version: 1,
    chainId: record.chainId,
    workerRegistry: record.workerRegistry,
    address: record.address,
    signingKey: `0x${Buffer.from(record.signingKey).toString("hex")}`,
    encryptionKey: `0x${Buffer.from(record.encryptionKey).toString("hex")}`,
    refundTo: record.refundTo,
    host: worker.host.name,
    epoch,
    leaving: record.leaving,
    generation: record.generation,
  };
  const payload = Buffer.from(toJson(secret));
  try {
    const sealed = sealForHost(
      { hostPublicKey: Buffer.from(facts.sealKey, "hex"), host: worker.host.name, epoch, address: record.address },
      payload,
    );
    await machine.call("seal", { worker: worker.name, address: record.address, epoch, sealed });
  } finally {
    payload.fill(0);
  }
}

function settingsOf(wanted: Inputs, retiring: readonly ModelName[]): Settings {
  const { worker } = wanted;
  const tuning = wanted.tuning as { inference?: Record<string, unknown> };
  return settingsSchema.parse({
    ...tuning,
    inference: { ...tuning.inference, ollamaUrl: wanted.ollamaUrl },
    worker: worker.name,
    host: worker.host.name,
    address: worker.address,
    network: worker.network,
    models: [...wanted.models, ...retiring],
    stateFolder: `${worker.host.root}/workers/${worker.name}/state`,
  });
}

/** The sidecar of one worker, in standby or as far as the registration took it. */
export const service = implement({
  inputs,
  computed,
  identity: ["worker.address", "worker.network.chainId"],
  turnOf: ({ worker }) => worker.keys,
  create: async (wanted) => ({
    id: idOf(wanted.worker),
    computed: await converge(wanted, []),
  }),
  drifted: async ({ worker, retiring }) =>
    retiring.length > 0 && stillNeeded(retiring, await statusOf(worker)).length < retiring.length,
  update: async (wanted, before) => {
    const dropped = unwanted(before, wanted.models);
    return converge(wanted, dropped.length === 0 ? [] : stillNeeded(dropped, await statusOf(wanted.worker)));
  },
  delete: async ({ worker }) => {
    const machine = openHost(worker.host);
    if (!(await machine.present())) return;
    await refuseWhileRegistered(worker);
    await machine.call("reconcile", { worker: worker.name, section: "service", desired: null });
    const store = openStoreHere(worker.keys.store);
    await withRecordLock(store, worker.keys.ref, async () => {
      const { record, version } = await store.read(worker.keys.ref, "worker");
      if (record.holder === worker.host.name) await store.update(worker.keys.ref, version, { ...record, holder: null });
    });
  },
});

async function refuseWhileRegistered(worker: WorkerReference): Promise<void> {
  if (process.env["LIGHTCHAIN_SKIP_DEREGISTER"] === "1") return;
  if ((await statusOf(worker))?.registered === true) throw new StillRegistered(worker.name);
}

/** What the sidecar says of itself; `undefined` when it says nothing. */
const statusOf = ({ host, name }: WorkerReference): Promise<SidecarStatus | undefined> =>
  ask(openHost(host), name, { op: "status" }).catch(() => undefined);
