import { z } from "zod";
import { hashSchema, modelNameSchema } from "./json.js";
import { addressSchema } from "./network.js";
import { controlReplySchema, controlRequestSchema } from "./control.js";
import { settingsSchema } from "./settings.js";

/*
 * The document a host is made to match, and the verbs of the one program that does it. Whatever the transport (a local process, SSH, Docker, SSM): it runs
 * `host <verb>` from the bundle with one JSON document on standard input, and reads one JSON document from standard output. Logs go to stderr.
 */

/** An Ollama that is not the host's to start: it only has to answer here, as called on the host itself. */
export const externalOllamaSchema = z.object({ url: z.url({ protocol: /^https?$/ }) });
export type ExternalOllama = z.infer<typeof externalOllamaSchema>;

/** Ollama, shared by all workers of a host and counted by owner. */
export const runtimeSectionSchema = z.object({
  kind: z.literal("runtime"),
  /**
   * Absolute path of an `ollama` program already on the host, or where one answers that somebody else keeps running. (Downloading a pinned release is the
   * reconciler's later job.)
   */
  ollama: z.union([z.string().min(1), externalOllamaSchema]),
  /** Oldest version that will do. Default 0.11.0. */
  minimumVersion: z.string().default("0.11.0"),
  /** Loopback port. Ours alone: an Ollama that the user runs is never touched. Of one that somebody else runs it says nothing. Default 11434. */
  port: z.number().int().min(1).max(65_535).default(11_434),
  /** Tokens of context a model is loaded with; 0 leaves Ollama's own. */
  contextLength: z.number().int().nonnegative().default(0),
});

/** One model, ready under the network's exact name. */
export const modelSectionSchema = z.object({
  kind: z.literal("model"),
  /** The network's exact name. */
  name: modelNameSchema,
  /** What Ollama pulls, for instance `llama3:8b` or `127.0.0.1:5000/ns/name:tag`. Default: the name itself. */
  source: z.string().min(1),
  /** Registry over plain HTTP; refused for anything but loopback. */
  insecure: z.boolean().default(false),
  /** Manifest digest to hold it to (64 hex digits); `null` trusts the first pull and reports what it got. */
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});

/** The sidecar of one worker. */
export const serviceSectionSchema = z.object({
  kind: z.literal("service"),
  /** Hash of the bundle to run; `put` before. */
  bundle: hashSchema,
  /** How the sidecar is set up; no secret among it. */
  settings: settingsSchema,
});

/** One part of what is asked of a host. */
export const sectionSchema = z.discriminatedUnion("kind", [
  runtimeSectionSchema,
  modelSectionSchema,
  serviceSectionSchema,
]);
export type Section = z.infer<typeof sectionSchema>;
export type RuntimeSection = z.infer<typeof runtimeSectionSchema>;
export type ModelSection = z.infer<typeof modelSectionSchema>;
export type ServiceSection = z.infer<typeof serviceSectionSchema>;

/** The whole desired state of a host, as it rests there. The empty document is a clean host. */
export const documentSchema = z.object({
  version: z.literal(1),
  /** Who needs the runtime, by worker name; the sections must agree. */
  runtime: z.record(z.string(), runtimeSectionSchema),
  workers: z.record(
    z.string(),
    z.object({
      models: z.record(z.string(), modelSectionSchema),
      /** Models that were taken out and whose weights stay as long as the service names them. Default: none, as of documents that do not know them. */
      retired: z.record(z.string(), modelSectionSchema).default({}),
      service: serviceSectionSchema.nullable(),
    }),
  ),
});
export type HostDocument = z.infer<typeof documentSchema>;

/** What a machine is, as far as preflight and sealing need it. */
export const hostFactsSchema = z.object({
  /** Stable name, chosen by the operator; secrets are bound to it. */
  host: z.string().min(1),
  /** X25519 public key, hex, 32 bytes; made on the host at first contact. */
  sealKey: z.string().regex(/^[0-9a-f]{64}$/),
  os: z.string(),
  arch: z.string(),
  node: z.string(),
  services: z.enum(["systemd", "supervisor"]),
  cpus: z.number().int().positive(),
  memoryBytes: z.number().nonnegative(),
  freeDiskBytes: z.number().nonnegative(),
  /** NVIDIA GPUs by the driver's own account. Default: none, which is also what an older host program says. */
  gpus: z.array(z.object({ name: z.string(), memoryBytes: z.number().nonnegative() })).default([]),
});
export type HostFacts = z.infer<typeof hostFactsSchema>;

/** What a host says of one model. */
export const modelReportSchema = z.object({
  name: modelNameSchema,
  digest: z.string(),
  sizeBytes: z.number().nonnegative(),
  /** Share of the loaded model that is in GPU memory, 0..1; `null` when not loaded. */
  onGpu: z.number().nullable(),
  /** Measured on a real prompt, tokens a second. */
  tokensPerSecond: z.number().nonnegative(),
  /** First real answer, for a person to look at. */
  sample: z.string(),
});
export type ModelReport = z.infer<typeof modelReportSchema>;

/** The only answer of a reconcile. */
export const reportSchema = z.object({
  /** What was changed, one line each; empty when the host already matched. */
  changes: z.array(z.string()),
  runtime: z.object({ version: z.string(), url: z.string(), pid: z.number().int().nullable() }).nullable(),
  model: modelReportSchema.nullable(),
  service: z
    .strictObject({
      state: z.enum(["running", "backing-off", "stopped", "refused"]),
      pid: z.number().int().nullable(),
      /** Exit code of the last end, if it ended. */
      lastExit: z.number().int().nullable(),
    })
    .nullable(),
});
export type Report = z.infer<typeof reportSchema>;

/** A worker's state folder on its host, below the host's folder: the sidecar's journal, lock and control socket. */
export const workerStateFolder = (root: string, worker: string): string => `${root}/workers/${worker}/state`;

/** Requests and replies of each verb. `root` is the host's folder; everything of ours lies in it. */
export const hostVerbs = {
  /** Makes the seal key if there is none, and tells what the machine is. */
  facts: { request: z.object({ root: z.string(), host: z.string() }), reply: hostFactsSchema },
  /** Sets one section (or removes it with `null`) in the document and makes the machine match. `dryRun` only reports. */
  reconcile: {
    request: z.object({
      root: z.string(),
      host: z.string(),
      /** The worker whose section it is, by its resource name. */
      worker: z.string().min(1),
      section: z.enum(["runtime", "model", "service"]),
      /** Which model, for `section: "model"`. */
      name: z.string().optional(),
      desired: sectionSchema.nullable(),
      dryRun: z.boolean().default(false),
    }),
    reply: reportSchema,
  },
  /** Stores a sealed secret for a worker; the next start of its sidecar uses it. Lower epochs than the stored one are refused. */
  seal: {
    request: z.object({
      root: z.string(),
      host: z.string(),
      worker: z.string().min(1),
      address: addressSchema,
      epoch: z.number().int().positive(),
      /** Output of keystore/sealing `sealForHost`, base64. */
      sealed: z.string(),
    }),
    reply: z.object({ epoch: z.number().int().positive(), changed: z.boolean() }),
  },
  /** Passes a request to the worker's sidecar. */
  control: {
    request: z.object({ root: z.string(), worker: z.string().min(1), request: controlRequestSchema }),
    reply: controlReplySchema,
  },
  /** Whether something answers HTTP requests, as called on the host itself. */
  answers: {
    request: z.object({ root: z.string(), url: z.url({ protocol: /^https?$/ }) }),
    reply: z.object({ ok: z.boolean() }),
  },
  /** Makes a worker's sidecar run again as the document and its sealed secret have it. A report without a service: there is none to run. */
  revive: {
    request: z.object({ root: z.string(), host: z.string(), worker: z.string().min(1) }),
    reply: reportSchema,
  },
  /**
   * Whether the worker's sidecar is certainly not running and will not be started again. With `retire`, a dead one's unit and sealed secret are taken away, so that
   * nothing brings it back under its former epoch.
   */
  proofOfDeath: {
    request: z.object({ root: z.string(), worker: z.string().min(1), retire: z.boolean().default(false) }),
    reply: z.object({
      dead: z.boolean(),
      how: z.string(),
      /** The host's public key, as in its facts: who vouches. Default: none, which is what an older host program says. */
      sealKey: z.string().nullable().default(null),
    }),
  },
} as const;
/** What the host program can be asked to do. */
export type HostVerb = keyof typeof hostVerbs;

/** What the host program prints instead of a reply when it refuses. Exit code 1. */
export const hostErrorSchema = z.object({
  error: z.object({ code: z.string(), summary: z.string(), fix: z.string() }),
});
