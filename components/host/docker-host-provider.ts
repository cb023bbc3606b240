import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import { hostFactsSchema } from "../../schema/host.js";
import { hashSchema } from "../../schema/json.js";
import { coded } from "../coded.js";
import { implement, PartlyDone } from "../implementation.js";
import { hostReferenceSchema } from "../worker-reference.js";
import { dockerEngineSchema } from "./docker-engine.js";
import { ContainerDown, ContainerMissing } from "./docker-errors.js";
import { startIfStopped } from "./docker-start.js";
import { openDockerHost, type DockerReference } from "./docker-transport.js";

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
  bundle: z.string().min(1),
  wantedBundle: hashSchema,
});
const computed = z.object({
  reference: hostReferenceSchema,
  bundleHash: hashSchema,
  ollamaUrl: z.string(),
  /** `null` until the machine has been asked. */
  facts: hostFactsSchema.nullable(),
});
type Inputs = z.infer<typeof inputs>;
type Computed = z.infer<typeof computed>;

const idOf = ({ kind, name }: Inputs): string => `${kind}:${name}`;
const referenceOf = ({ kind, name, root, engine, container, volume }: Inputs): DockerReference => ({
  kind,
  name,
  root,
  engine,
  container,
  volume,
});

async function converge(wanted: Inputs): Promise<Computed> {
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
    const facts = await host.call("facts", {});
    await host.call("reconcile", {
      worker: wanted.name,
      section: "runtime",
      desired: { kind: "runtime", ollama: { url: wanted.ollama } },
    });
    return { ...begun, facts };
  } catch (thrown) {
    const error = coded(thrown);
    // Something of ours is in the volume: a destroy must know of it.
    if (error instanceof FleetError) throw new PartlyDone(idOf(wanted), begun, error);
    throw error;
  }
}

/** The host in a worker's container: its key, its document and the Ollama beside it. The containers themselves are Docker's own resources. */
export const dockerHost = implement({
  inputs,
  computed,
  identity: ["kind", "name", "root"],
  incidental: ["bundle"], // `wantedBundle` says whether it is another one
  create: async (wanted) => ({ id: idOf(wanted), computed: await converge(wanted) }),
  // Containers that were stopped are started again.
  drifted: async (state) => {
    const machine = openDockerHost(referenceOf(state));
    return !(await machine.present()) || !(await machine.answers(`${state.ollamaUrl}/api/version`));
  },
  update: (wanted) => converge(wanted),
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
    if (!(await machine.present())) return;
    try {
      await machine.call("reconcile", { worker: state.name, section: "runtime", desired: null });
    } catch (error) {
      if (!(error instanceof ContainerMissing)) throw error; // nothing of ours runs, and the volume goes next
    }
  },
});
