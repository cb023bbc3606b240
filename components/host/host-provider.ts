import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import { hostFactsSchema } from "../../schema/host.js";
import { hashSchema } from "../../schema/json.js";
import { coded } from "../coded.js";
import { implement, PartlyDone } from "../implementation.js";
import { hostReferenceSchema, type HostReference } from "../worker-reference.js";
import { firstContact, openHost, statedHostSchema, type Host } from "./host.js";
import { isToBeCleaned } from "./unreached.js";

const inputs = statedHostSchema.safeExtend({
  ollama: z.string().min(1),
  ollamaPort: z.number().int().min(1).max(65_535),
  contextLength: z.number().int().nonnegative(),
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

const idOf = ({ kind, name }: Inputs): string => `${kind}:${name}`;

/** @param known its reference from an earlier run */
async function converge(wanted: Inputs, known?: HostReference): Promise<z.infer<typeof computed>> {
  const reference = await firstContact(wanted, known);
  const host = openHost(reference);
  const bundleHash = await host.put(wanted.bundle);
  const ollamaUrl = `http://127.0.0.1:${wanted.ollamaPort}`;
  const begun = { reference, bundleHash, ollamaUrl, facts: null };
  try {
    return { ...begun, ...(await setUp(wanted, host)) };
  } catch (thrown) {
    const error = coded(thrown);
    // Something of ours is on the machine: a destroy must know of it, or it would stay.
    if (error instanceof FleetError) throw new PartlyDone(idOf(wanted), begun, error);
    throw error;
  }
}

async function setUp(wanted: Inputs, host: Host): Promise<Pick<z.infer<typeof computed>, "facts">> {
  const facts = await host.call("facts", {});
  await host.call("reconcile", {
    worker: wanted.name,
    section: "runtime",
    desired: {
      kind: "runtime",
      ollama: wanted.ollama,
      port: wanted.ollamaPort,
      contextLength: wanted.contextLength,
    },
  });
  return { facts };
}

/** A machine that passed its checks and runs the reconciler, with its shared runtime. */
export const host = implement({
  inputs,
  computed,
  identity: ["kind", "name", "root"],
  incidental: ["bundle"], // `wantedBundle` says whether it is another one
  create: async (wanted) => ({ id: idOf(wanted), computed: await converge(wanted) }),
  // An Ollama that was given up for a while is started again at once, or it is said why it cannot be.
  drifted: async (state) => {
    const machine = openHost(state.reference);
    return !(await machine.present()) || !(await machine.answers(`${state.ollamaUrl}/api/version`));
  },
  update: (wanted, { reference }) => converge(wanted, reference),
  // Looks and changes nothing: the folder that the bundle came from may be gone by now.
  read: async (state) => {
    const machine = openHost(state.reference);
    return (await machine.present()) ? { ...state, facts: await machine.call("facts", {}) } : undefined;
  },
  delete: async (state) => {
    const machine = openHost(state.reference);
    if (!(await isToBeCleaned(machine))) return;
    await machine.call("reconcile", { worker: state.name, section: "runtime", desired: null });
  },
});
