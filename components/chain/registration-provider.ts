import { z } from "zod";
import { modelIdOf } from "../../protocol/model-id.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { FleetError } from "../../schema/errors.js";
import { servingSchema, type ControlRequest, type SidecarStatus } from "../../schema/control.js";
import { modelNameSchema, weiSchema } from "../../schema/json.js";
import { chainOf, openStoreHere, withRecordLock } from "../context.js";
import { coded } from "../coded.js";
import { openHost } from "../host/host.js";
import { implement, PartlyDone } from "../implementation.js";
import { ask, SidecarBlocked, waitForStatus } from "../service/status.js";
import { workerReferenceSchema, type WorkerReference } from "../worker-reference.js";
import { defaultPatienceMs, leave, skipDeregister } from "./leave.js";

/** LF1207: this generation has left, or is leaving; only a higher one registers again. */
export class GenerationLeft extends FleetError {
  constructor(worker: string, generation: number) {
    super("LF1207", `Worker ${worker} has left the network with generation ${generation}, and leaving is not undone.`, {
      fix: `pulumi config set generation ${generation + 1} && pulumi up`,
    });
  }
}

const inputs = z.object({
  worker: workerReferenceSchema,
  serving: z.object({
    generation: z.number().int().positive(),
    models: z.array(modelNameSchema).min(1),
    stake: servingSchema.shape.stake,
    gasReserve: weiSchema,
    leaving: z.boolean(),
  }),
  exit: z.object({ maxWaitMs: z.number().int().positive() }),
  patienceMs: z.number().int().positive().default(defaultPatienceMs),
});
const computed = z.object({ standing: z.string(), transaction: z.string(), stake: z.string() });
type Inputs = z.infer<typeof inputs>;
type Computed = z.infer<typeof computed>;

/** How long registering may take: a rehearsal on a cold model, then a few blocks a transaction (ms). */
const joinTimeoutMs = 600_000;

const idOf = (worker: WorkerReference): string =>
  `${worker.network.chainId}:${worker.network.contracts.workerRegistry}:${worker.address}`;

async function join(wanted: Inputs): Promise<Computed> {
  const { worker, serving } = wanted;
  await declareGeneration(worker, serving.generation);
  const machine = openHost(worker.host);
  const request: ControlRequest = {
    op: "live",
    serving: {
      generation: serving.generation,
      models: serving.models.map(modelIdOf),
      stake: serving.stake,
      gasReserve: serving.gasReserve,
    },
  };
  await ask(machine, worker.name, request);
  try {
    const status = await waitForStatus(
      machine,
      worker.name,
      (now) => {
        const blocker = now.blockers[0];
        if (blocker) throw new SidecarBlocked(blocker);
        return now.mode === "live" && now.generation === serving.generation;
      },
      { timeoutMs: joinTimeoutMs, patience: { ms: wanted.patienceMs } },
    );
    await rememberRegistration(worker, status);
    return describe(status);
  } catch (thrown) {
    const error = coded(thrown);
    if (!(error instanceof FleetError)) throw error;
    // The sidecar was told, and goes on by itself: the resource must be in state, or a destroy would never ask it to leave.
    const status = await ask(machine, worker.name, { op: "status" }).catch(() => undefined);
    const standing = { standing: "joining", transaction: "", stake: "0" };
    throw new PartlyDone(idOf(worker), status === undefined ? standing : describe(status), error);
  }
}

async function joinOrLeave(wanted: Inputs): Promise<Computed> {
  if (!wanted.serving.leaving) return join(wanted);
  await leave(wanted.worker, wanted.exit.maxWaitMs, wanted.patienceMs);
  return { standing: "gone", transaction: "", stake: "0" };
}

const describe = (status: SidecarStatus): Computed => ({
  standing: status.mode,
  transaction: status.transactions.find((one) => one.purpose.includes("/register/"))?.hash ?? "",
  stake: status.stake.toString(),
});

/** Writes down which generation is wanted before the chain can see it. @throws GenerationLeft */
async function declareGeneration(worker: WorkerReference, generation: number): Promise<void> {
  const store = openStoreHere(worker.keys.store);
  await withRecordLock(store, worker.keys.ref, async () => {
    const { record, version } = await store.read(worker.keys.ref, "worker");
    if (record.leaving && generation <= record.generation) throw new GenerationLeft(worker.name, record.generation);
    if (generation > record.generation)
      await store.update(worker.keys.ref, version, { ...record, generation, leaving: false });
  });
}

async function rememberRegistration(worker: WorkerReference, status: SidecarStatus): Promise<void> {
  const store = openStoreHere(worker.keys.store);
  await withRecordLock(store, worker.keys.ref, async () => {
    const { record, version } = await store.read(worker.keys.ref, "worker");
    if (record.registeredAt !== null || status.registeredAt === null || status.block === null) return;
    const registeredAt = { ...status.registeredAt, time: status.block.time };
    await store.update(worker.keys.ref, version, { ...record, registeredAt });
  });
}

/** The worker on chain. */
export const registration = implement({
  inputs,
  computed,
  identity: ["worker.address", "worker.network.chainId", "worker.network.contracts.workerRegistry"],
  turnOf: ({ worker }) => worker.keys,
  create: async (wanted) => ({ id: idOf(wanted.worker), computed: await joinOrLeave(wanted) }),
  update: joinOrLeave,
  drifted: async (state) => {
    if (state.serving.leaving) return state.standing !== "gone";
    if (state.standing !== "live") return true;
    return !(await servesAll(state));
  },
  delete: async (state) => {
    if (skipDeregister()) return;
    await leave(state.worker, state.exit.maxWaitMs, state.patienceMs);
  },
});

/** Whether the chain would give this worker sessions for each of its models: a slash, a suspension or a delisting shows here. */
async function servesAll({ worker, serving }: Inputs): Promise<boolean> {
  const { client, contracts } = await chainOf(worker.network);
  const eligible = await Promise.all(
    serving.models.map((name) =>
      client.readContract({
        address: contracts.workerRegistry,
        abi: workerRegistryAbi,
        functionName: "isEligible",
        args: [worker.address, modelIdOf(name)],
      }),
    ),
  );
  return eligible.every(Boolean);
}
