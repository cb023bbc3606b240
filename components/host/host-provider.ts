import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import { gpuIdsSchema } from "../../schema/gpus.js";
import { gpuSchema, ownOllamaSchema, wantsSchema, type Wants } from "../../schema/host.js";
import { coded } from "../coded.js";
import { implement, PartlyDone } from "../implementation.js";
import { needsOf } from "../models/needs.js";
import { tell } from "../tell.js";
import { BundleMissing } from "./bundle.js";
import { firstContact, openHost, statedHostSchema, type Host } from "./host.js";
import { hostComputed, hostId, incidentalInputs, servingInputs, type HostComputed } from "./host-inputs.js";
import { HostProgramFailed } from "./host-program.js";
import { passPreflight } from "./preflight.js";
import { isToBeCleaned } from "./unreached.js";

const inputs = statedHostSchema.safeExtend({
  ollama: ownOllamaSchema,
  ollamaPort: z.number().int().min(1).max(65_535),
  contextLength: z.number().int().nonnegative(),
  // Each of these has what a host of before there was such an input means.
  gpu: gpuSchema.default("none"),
  gpus: gpuIdsSchema.default([]),
  strangers: z.enum(["keep", "remove"]).default("keep"),
  ...servingInputs,
});
type Inputs = z.infer<typeof inputs>;
type State = Inputs & HostComputed;

/** What the machine is held against. */
const wantsOf = ({ models, endpoints, ollamaPort, gpu, gpus, contextLength }: Inputs): Wants =>
  wantsSchema.parse({ endpoints, ollamaPort, gpu, gpus, contextLength, models: models.map(needsOf) });

/** What a machine is asked for. */
type Asked = Pick<Inputs, "models" | "endpoints" | "ollamaPort" | "gpu" | "gpus" | "contextLength">;

/**
 * Whether a machine is asked for something that it was not held against yet. What has passed once is not asked again: an Ollama that died is started again whatever the
 * network does at that moment. Pure.
 */
export function asksMore(wanted: Asked, before: Asked & Pick<State, "facts">): boolean {
  const isNew =
    before.facts === null ||
    wanted.models.some((name) => !before.models.includes(name)) ||
    wanted.endpoints.some(({ url }) => !before.endpoints.some((known) => known.url === url));
  return (
    isNew ||
    wanted.gpu !== before.gpu ||
    wanted.gpus.join() !== before.gpus.join() ||
    wanted.ollamaPort !== before.ollamaPort ||
    wanted.contextLength > before.contextLength
  );
}

async function converge(wanted: Inputs, before?: State): Promise<HostComputed> {
  const reference = await firstContact(wanted, before?.reference);
  const host = openHost(reference);
  const bundleHash = await host.put(wanted.bundle);
  const ollamaUrl = `http://127.0.0.1:${wanted.ollamaPort}`;
  const begun = { reference, bundleHash, ollamaUrl, facts: null };
  try {
    if (before === undefined || asksMore(wanted, before)) tell(await passPreflight(host, wantsOf(wanted)));
    return { ...begun, ...(await setUp(wanted, host)) };
  } catch (thrown) {
    const error = coded(thrown);
    // Something of ours is on the machine: a destroy must know of it, or it would stay.
    if (error instanceof FleetError) throw new PartlyDone(hostId(wanted), begun, error);
    throw error;
  }
}

async function setUp(wanted: Inputs, host: Host): Promise<Pick<HostComputed, "facts">> {
  const facts = await host.call("facts", {});
  const { ollama, ollamaPort: port, contextLength, gpu, gpus, strangers } = wanted;
  const report = await host.call("reconcile", {
    worker: wanted.name,
    section: "runtime",
    desired: { kind: "runtime", ollama, port, contextLength, gpu, gpus, strangers },
  });
  tell(strangersTold(wanted.name, report.strangers));
  return { facts };
}

/** Another stack's bundle, put since, may not start: then ours is put again. */
function noIfLame(error: unknown): false {
  if (error instanceof HostProgramFailed) return false;
  throw error;
}

/** What is said of models that nobody here asked for. Pure. */
export const strangersTold = (host: string, strangers: readonly string[]): string[] =>
  strangers.length === 0
    ? []
    : [
        `host ${host} holds models that no worker names: ${strangers.join(", ")}. Next: set strangers to remove, or leave them`,
      ];

/** A machine that passed its checks and runs the reconciler, with its shared runtime. */
export const host = implement({
  inputs,
  computed: hostComputed,
  identity: ["kind", "name", "root"],
  overlaps: true, // a worker moves from one to the other
  incidental: incidentalInputs,
  create: async (wanted) => ({ id: hostId(wanted), computed: await converge(wanted) }),
  // An Ollama that was given up for a while is started again at once, or it is said why it cannot be.
  drifted: async (state, wanted) => {
    if (asksMore(wanted, state)) return true;
    const machine = openHost(state.reference);
    // A bundle may have been tidied away before any section named it.
    if (!(await machine.present(state.bundleHash))) return true;
    return !(await machine.answers(`${state.ollamaUrl}/api/version`).catch(noIfLame));
  },
  update: (wanted, before) => converge(wanted, before),
  // Looks and changes nothing: the folder that the bundle came from may be gone by now.
  read: async (state) => {
    const machine = openHost(state.reference);
    return (await machine.present()) ? { ...state, facts: await machine.call("facts", {}) } : undefined;
  },
  delete: async (state) => {
    const machine = openHost(state.reference);
    if (!(await isToBeCleaned(machine))) return;
    try {
      await machine.call("reconcile", { worker: state.name, section: "runtime", desired: null });
    } catch (error) {
      // A former run was interrupted, and its host program went on to the end meanwhile.
      if (!(error instanceof BundleMissing) || (await machine.present())) throw error;
    }
  },
});
