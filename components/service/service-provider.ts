import { z } from "zod";
import { isHeldBy, released, type Taker } from "../../keystore/hold.js";
import { FleetError } from "../../schema/errors.js";
import type { SidecarStatus } from "../../schema/control.js";
import { workerStateFolder, type Report } from "../../schema/host.js";
import { hashSchema, modelNameSchema } from "../../schema/json.js";
import { settingsSchema, type Settings } from "../../schema/settings.js";
import type { ModelName } from "../../schema/units.js";
import { leave, skipDeregister } from "../chain/leave.js";
import { coded } from "../coded.js";
import { openStoreHere, withRecordLock } from "../context.js";
import { openHost } from "../host/host.js";
import { isSaidGone, isToBeCleaned } from "../host/unreached.js";
import { implement, PartlyDone } from "../implementation.js";
import { holdingOf } from "../keys/holder.js";
import {
  hostReferenceSchema,
  isSameHost,
  workerReferenceSchema,
  type HostReference,
  type WorkerReference,
} from "../worker-reference.js";
import { holdFor, takerAt } from "./hold.js";
import { bringJournal, formerHosts, move, StillRetiring } from "./move.js";
import type { Patience } from "./patience.js";
import { stillNeeded, unwanted } from "./retiring.js";
import { sealTo } from "./sealing.js";
import { ask, waitForStatus } from "./status.js";

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
  /** Hosts that it was moved away from and that something of it may still be on. */
  formerly: z.array(hostReferenceSchema).default([]),
});
type Inputs = z.infer<typeof inputs>;
type Computed = z.infer<typeof computed>;

const idOf = ({ network, address }: WorkerReference): string => `${network.chainId}:${address}:service`;

async function converge(
  wanted: Inputs,
  retiring: readonly ModelName[] = [],
  formerly: readonly HostReference[] = [],
): Promise<Computed> {
  const { worker } = wanted;
  const machine = openHost(worker.host);
  const settings = settingsOf(wanted, retiring);
  const facts = await machine.call("facts", {});
  const { epoch } = await withRecordLock(openStoreHere(worker.keys.store), worker.keys.ref, async () => {
    const hold = await holdFor(worker, takerAt(machine, facts), "up");
    await sealTo(machine, facts, worker.name, hold.record);
    return hold.record;
  });
  const done = { epoch, holder: worker.host.name, retiring: [...retiring], formerly: [...formerly] };
  try {
    for (const host of formerly) await bringJournal(worker, openHost(host), machine, { ...facts, epoch });
    const { rolledBack } = await machine.call("reconcile", {
      worker: worker.name,
      section: "service",
      desired: { kind: "service", bundle: wanted.bundle, settings },
    });
    if (rolledBack !== null) throw new RolledBack(worker.name, rolledBack);
    await waitForStatus(machine, worker.name, (status) => status.epoch === epoch, { patience: startPatience });
    for (const host of formerly) await takeAway({ ...worker, host });
  } catch (thrown) {
    const error = coded(thrown);
    // It may run, or come to run, on this host from here on: a destroy must know of it, or it could not take the host down.
    if (error instanceof FleetError) throw new PartlyDone(idOf(worker), done, error);
    throw error;
  }
  return { ...done, formerly: [] };
}

/** LF1360: a new bundle did not become healthy in its time, and the one before it serves again. */
export class RolledBack extends FleetError {
  constructor(worker: string, { from, to, because }: NonNullable<Report["rolledBack"]>) {
    super(
      "LF1360",
      `Worker ${worker} serves with its former bundle ${to.slice(0, 14)}… again: ${from.slice(0, 14)}… did not become healthy. ${because}`,
      { fix: "mend what it says, or go back to the former version of this program; then run pulumi up again." },
    );
  }
}

/** A sidecar that ends at its start is tried again meanwhile, with growing pauses; one that is only starting has the whole time. */
const startPatience: Patience = { ms: 15_000, counts: (code) => code === "LF1321" };

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
    stateFolder: workerStateFolder(worker.host.root, worker.name),
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
    computed: await converge(wanted),
  }),
  // A sidecar that refuses its secret, or whose new epoch the operator asks for (LF1412), is sealed to anew: nothing in the inputs shows either.
  drifted: async ({ worker, retiring, epoch, formerly }) => {
    if (formerly.length > 0 || isSaidGone(worker.host.name)) return true;
    const [isPresent, status] = await Promise.all([openHost(worker.host).present(), statusOf(worker)]);
    return !isPresent || status?.epoch !== epoch || stillNeeded(retiring, status).length < retiring.length;
  },
  update: async (wanted, before) => {
    const dropped = unwanted(before, wanted.models);
    const status = dropped.length === 0 ? undefined : await statusOf(before.worker);
    const retiring = stillNeeded(dropped, status);
    const { host } = wanted.worker;
    const formerly = formerHosts([...before.formerly, before.worker.host], host);
    if (isSameHost(before.worker.host, host)) return converge(wanted, retiring, formerly);
    if (status !== undefined && retiring.length > 0) throw new StillRetiring(wanted.worker.name, retiring);
    return move(before.worker, host, () => converge(wanted, [], formerly));
  },
  delete: async ({ worker, formerly }) => {
    if (!skipDeregister()) await leave(worker, 60_000); // nothing to do where the registration's delete has come first
    for (const host of formerly) await takeAway({ ...worker, host });
    const stopped = await takeAway(worker);
    if (stopped === undefined) return; // nothing was stopped: whoever held the key may hold it still
    const store = openStoreHere(worker.keys.store);
    await withRecordLock(store, worker.keys.ref, async () => {
      const { record, version } = await store.read(worker.keys.ref, "worker");
      if (isHeldBy(record, stopped)) await store.update(worker.keys.ref, version, released(record));
    });
  },
});

/** Takes the service off a host, with its journal and its secret. @returns that host; `undefined` where nothing of ours is */
async function takeAway(worker: WorkerReference): Promise<Taker | undefined> {
  const machine = openHost(worker.host);
  const { record } = await openStoreHere(worker.keys.store).read(worker.keys.ref, "worker");
  if (!(await isToBeCleaned(machine, holdingOf(record)))) return undefined;
  const here = takerAt(machine, await machine.call("facts", {}));
  await machine.call("reconcile", { worker: worker.name, section: "service", desired: null });
  return here;
}

/** What the sidecar says of itself; `undefined` when it says nothing. */
const statusOf = ({ host, name }: WorkerReference): Promise<SidecarStatus | undefined> =>
  ask(openHost(host), name, { op: "status" }).catch(() => undefined);
