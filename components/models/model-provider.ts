import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import { modelNameSchema } from "../../schema/json.js";
import { openHost } from "../host/host.js";
import { isToBeCleaned } from "../host/unreached.js";
import { implement } from "../implementation.js";
import { tell } from "../tell.js";
import { hostReferenceSchema } from "../worker-reference.js";

const inputs = z.object({
  host: hostReferenceSchema,
  worker: z.string().min(1),
  model: modelNameSchema,
  source: z.string().min(1),
  insecure: z.boolean(),
  /** Empty: hold it to the first pull. */
  digest: z.string().regex(/^([0-9a-f]{64})?$/, "64 hex digits"),
});
const computed = z.object({
  heldDigest: z.string(),
  sample: z.string(),
  tokensPerSecond: z.number(),
  sizeBytes: z.number(),
});
type Inputs = z.infer<typeof inputs>;

async function converge(wanted: Inputs): Promise<z.infer<typeof computed>> {
  const report = await openHost(wanted.host).call("reconcile", {
    worker: wanted.worker,
    section: "model",
    name: wanted.model,
    desired: {
      kind: "model",
      name: wanted.model,
      source: wanted.source,
      insecure: wanted.insecure,
      digest: wanted.digest === "" ? null : wanted.digest,
    },
  });
  if (report.model === null) throw new ModelUnreported(wanted.model, wanted.host.name);
  const { digest: heldDigest, sample, tokensPerSecond, sizeBytes, moved } = report.model;
  tell(moved === null ? [] : [tagMoved(wanted.model, heldDigest, moved)]);
  return { heldDigest, sample, tokensPerSecond, sizeBytes };
}

/** What is said of a model whose source has another one now. Pure. */
export const tagMoved = (model: string, held: string, now: string): string =>
  `model ${model} stays what it was (${held.slice(0, 12)}), but its source has another one now. Next: if that one is meant, set the model's digest to ${now}`;

/** LF1523: the host set a model up and then did not say so. */
export class ModelUnreported extends FleetError {
  constructor(model: string, host: string) {
    super("LF1523", `Host ${host} did not report on model ${model}.`, { fix: "pulumi up again" });
  }
}

/** One model of one worker on one host. */
export const model = implement({
  inputs,
  computed,
  identity: ["host.name", "host.root", "worker", "model"],
  overlaps: true, // where a worker moves to, its models are before it
  create: async (wanted) => ({
    id: `${wanted.host.name}:${wanted.worker}:${wanted.model}`,
    computed: await converge(wanted),
  }),
  update: (wanted) => converge(wanted),
  delete: async (state) => {
    const machine = openHost(state.host);
    if (!(await isToBeCleaned(machine))) return;
    await machine.call("reconcile", { worker: state.worker, section: "model", name: state.model, desired: null });
  },
});
