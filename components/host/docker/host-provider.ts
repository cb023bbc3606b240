import { z } from "zod";
import { FleetError } from "../../../schema/errors.js";
import { gpuSchema, wantsSchema, type Wants } from "../../../schema/host.js";
import { coded } from "../../coded.js";
import { implement, PartlyDone } from "../../implementation.js";
import { needsOf } from "../../models/needs.js";
import { tell } from "../../tell.js";
import { ollamaPortInContainer } from "./containers.js";
import { dockerEngineSchema } from "./engine.js";
import { ContainerDown, ContainerMissing } from "./errors.js";
import { startIfStopped } from "./start.js";
import { openDockerHost, type DockerReference } from "./transport.js";
import { hostComputed, hostId, incidentalInputs, servingInputs, type HostComputed } from "../host-inputs.js";
import { asksMore, strangersTold } from "../host-provider.js";
import { passPreflight } from "../preflight.js";
import { isToBeCleaned } from "../unreached.js";

const inputs = z.object({
  kind: z.literal("docker"),
  name: z.string().min(1),
  root: z.string().startsWith("/", "an absolute path"),
  engine: dockerEngineSchema,
  container: z.string().min(1),
  volume: z.string().min(1),
  /** Name of Ollama's container, which is started with the other where both were stopped. */
  ollamaContainer: z.string().min(1),
  /** The containers as the engine knows them: when they are others, the host in them is looked after anew. */
  containers: z.string(),
  /** Where Ollama answers, as seen from the worker's container. */
  ollama: z.url(),
  gpu: gpuSchema.default("none"),
  contextLength: z.number().int().nonnegative().default(0),
  ...servingInputs,
});
type Inputs = z.infer<typeof inputs>;
type State = Inputs & HostComputed;

const referenceOf = ({ kind, name, root, engine, container, volume }: Inputs): DockerReference => ({
  kind,
  name,
  root,
  engine,
  container,
  volume,
});

/** What its containers are held against. A GPU is the engine's to give, and whether Ollama found it shows when a model is loaded. */
const wantsOf = ({ models, endpoints, contextLength }: Inputs): Wants =>
  wantsSchema.parse({
    ...{ container: true, gpu: "none", ollamaPort: ollamaPortInContainer },
    ...{ endpoints, contextLength, models: models.map(needsOf) },
  });

const isNew = (wanted: Inputs, before: State): boolean => {
  const ofItsContainer = { ollamaPort: ollamaPortInContainer, gpus: [] };
  return asksMore({ ...wanted, ...ofItsContainer }, { ...before, ...ofItsContainer });
};

async function converge(wanted: Inputs, before?: State): Promise<HostComputed> {
  const reference = referenceOf(wanted);
  const host = openDockerHost(reference);
  await startIfStopped(wanted.engine, wanted.ollamaContainer);
  const begun = {
    reference,
    bundleHash: await host.put(wanted.bundle),
    ollamaUrl: wanted.ollama,
    facts: null,
  };
  try {
    if (before === undefined || isNew(wanted, before)) tell(await passPreflight(host, wantsOf(wanted)));
    const facts = await host.call("facts", {});
    const { gpu, contextLength } = wanted;
    const report = await host.call("reconcile", {
      worker: wanted.name,
      section: "runtime",
      desired: { kind: "runtime", ollama: { url: wanted.ollama }, gpu, contextLength },
    });
    tell(strangersTold(wanted.name, report.strangers));
    return { ...begun, facts };
  } catch (thrown) {
    const error = coded(thrown);
    // Something of ours is in the volume: a destroy must know of it.
    if (error instanceof FleetError) throw new PartlyDone(hostId(wanted), begun, error);
    throw error;
  }
}

/** The host in a worker's container: its key, its document and the Ollama beside it. The containers themselves are Docker's own resources. */
export const dockerHost = implement({
  inputs,
  computed: hostComputed,
  identity: ["kind", "name", "root"],
  overlaps: true, // a worker moves from one to the other
  incidental: incidentalInputs,
  create: async (wanted) => ({ id: hostId(wanted), computed: await converge(wanted) }),
  // Containers that were stopped are started again.
  drifted: async (state, wanted) => {
    if (isNew(wanted, state)) return true;
    const machine = openDockerHost(referenceOf(state));
    return !(await machine.present()) || !(await machine.answers(`${state.ollamaUrl}/api/version`));
  },
  update: (wanted, before) => converge(wanted, before),
  // A container that is not there, or does not run, is for its own resource to tell: its volume is the host.
  read: async (state) => {
    const machine = openDockerHost(referenceOf(state));
    if (!(await machine.present())) return undefined;
    const facts = await machine.call("facts", {}).catch((error: unknown) => {
      if (error instanceof ContainerMissing || error instanceof ContainerDown) return state.facts;
      throw error;
    });
    return { ...state, facts };
  },
  delete: async (state) => {
    const machine = openDockerHost(referenceOf(state));
    if (!(await isToBeCleaned(machine))) return;
    try {
      await machine.call("reconcile", { worker: state.name, section: "runtime", desired: null });
    } catch (error) {
      if (!(error instanceof ContainerMissing)) throw error; // nothing of ours runs, and the volume goes next
    }
  },
});
