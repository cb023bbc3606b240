import { z } from "zod";
import { modelIdOf } from "../../protocol/model-id.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { FleetError } from "../../schema/errors.js";
import { servingSchema, type ControlRequest, type SidecarStatus } from "../../schema/control.js";
import { modelNameSchema, weiSchema } from "../../schema/json.js";
import { chainOf, openStoreHere, withRecordLock } from "../context.js";
import { openHost } from "../host/host.js";
import { implement, PartlyDone } from "../implementation.js";
import { ask, SidecarBlocked, SidecarTooSlow, waitForStatus } from "../service/status.js";
import { workerReferenceSchema, type WorkerReference } from "../worker-reference.js";
import { leave, skipDeregister } from "./leave.js";

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
      { timeoutMs: joinTimeoutMs },
    );
    await rememberRegistration(worker, status);
    return describe(status);
  } catch (error) {
    const status = await ask(machine, worker.name, { op: "status" }).catch(() => undefined);
    // Registered already: the resource must be in state, or a destroy would never ask it to leave.
    if (error instanceof FleetError && status?.registered === true)
      throw new PartlyDone(idOf(worker), describe(status), error);
    if (error instanceof SidecarTooSlow)
      throw new PartlyDone(idOf(worker), { standing: "joining", transaction: "", stake: "0" }, error);
    throw error;
  }
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
  create: async (wanted) => ({ id: idOf(wanted.worker), computed: await join(wanted) }),
  update: async (wanted) => {
    if (!wanted.serving.leaving) return join(wanted);
    await leave(wanted.worker, wanted.exit.maxWaitMs);
    return { standing: "gone", transaction: "", stake: "0" };
  },
  drifted: async (state) => {
    if (state.serving.leaving) return state.standing !== "gone";
    if (state.standing !== "live") return true;
    return !(await servesAll(state));
  },
  delete: async (state) => {
    if (skipDeregister()) return;
    await leave(state.worker, state.exit.maxWaitMs);
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
