import { z } from "zod";
import { gpuIdsSchema } from "./gpus.js";
import { hashSchema, modelNameSchema } from "./json.js";
import { addressSchema } from "./network.js";
import { controlReplySchema, controlRequestSchema } from "./control.js";
import { settingsSchema } from "./settings.js";

/*
 * The document a host is made to match, and the verbs of the one program that does it. Whatever the transport (a local process, SSH, Docker, SSM): it runs
 * `host <verb>` from the bundle with one JSON document on standard input, and reads one JSON document from standard output. Logs go to stderr.
 */

/** Whether a host must have a GPU, or is meant to do without: computing on the CPU has to be asked for. */
export const gpuSchema = z.enum(["required", "none"]);
export type Gpu = z.infer<typeof gpuSchema>;

/** A release of Ollama, held to a checksum that the operator has from its publisher (`sha256sum.txt` of the release). */
export const pinnedOllamaSchema = z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+$/, "a version such as 0.14.2"),
  /** Where its archive is, `.tgz`, `.tar.gz` or `.tar.zst`. Default: the publisher's for the host's kind of machine. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  /** SHA-256 of the archive, 64 hex digits. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "64 hex digits"),
});
export type PinnedOllama = z.infer<typeof pinnedOllamaSchema>;
/** An Ollama that is ours to run. */
export const ownOllamaSchema = z.union([z.string().min(1), pinnedOllamaSchema]);

/** An Ollama that is not the host's to start: it only has to answer here, as called on the host itself. Strict, so that no release with a mistake in it is taken for one. */
export const externalOllamaSchema = z.strictObject({ url: z.url({ protocol: /^https?$/ }) });
export type ExternalOllama = z.infer<typeof externalOllamaSchema>;

/** Whether it is one that somebody else runs. A release that is brought may have a `url` too. Pure. */
export const isExternal = (ollama: RuntimeSection["ollama"]): ollama is ExternalOllama =>
  typeof ollama !== "string" && "url" in ollama && !("sha256" in ollama);

/** Ollama, shared by all workers of a host and counted by owner. */
export const runtimeSectionSchema = z.object({
  kind: z.literal("runtime"),
  /** Absolute path of an `ollama` program already on the host, the release that the reconciler brings there, or where one answers that somebody else keeps running. */
  ollama: z.union([...ownOllamaSchema.options, externalOllamaSchema]),
  /** Oldest version that will do. Default 0.11.0. */
  minimumVersion: z.string().default("0.11.0"),
  /** Loopback port. Ours alone: an Ollama that the user runs is never touched. Of one that somebody else runs it says nothing. Default 11434. */
  port: z.number().int().min(1).max(65_535).default(11_434),
  /** Tokens of context a model is loaded with; 0 leaves Ollama's own. */
  contextLength: z.number().int().nonnegative().default(0),
  /** Whether models must run on a GPU. Default `none`, which is what documents of before it mean. */
  gpu: gpuSchema.default("none"),
  /** The GPUs that it sees. Default: all. */
  gpus: gpuIdsSchema.default([]),
  /** What becomes of models in our Ollama that no section names: they are reported, and removed only if asked. Default `keep`. */
  strangers: z.enum(["keep", "remove"]).default("keep"),
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
  /** How long a sidecar from another bundle than before may take to answer (ms) until the former one is put back. Default 90,000: a start loads the KZG setup. */
  healthyWithinMs: z.number().int().positive().default(90_000),
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
      /** What served before, as long as a new bundle has not answered yet: what is put back if it does not. Default: nothing is on trial. */
      fallback: serviceSectionSchema.nullable().default(null),
      /** The bundle before the present one, which stays on the host. Default: none is known. */
      previousBundle: hashSchema.nullable().default(null),
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
  /** How secrets rest: encrypted by systemd for this machine, or sealed to the host's key file. Default: what an older host program does. */
  secrets: z.enum(["credential", "sealed"]).default("sealed"),
  cpus: z.number().int().positive(),
  memoryBytes: z.number().nonnegative(),
  freeDiskBytes: z.number().nonnegative(),
  /** NVIDIA GPUs by the driver's own account. Default: none, which is also what an older host program says. */
  gpus: z
    .array(
      z.object({
        name: z.string(),
        memoryBytes: z.number().nonnegative(),
        /** What `nvidia-smi -L` calls it. Default: an older host program did not tell. */
        index: z.string().default(""),
        uuid: z.string().default(""),
      }),
    )
    .default([]),
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
  /** Digest that the model's source has now, where that is another one than the one it is held to; it is never pulled by itself. Default: none is known. */
  moved: z.string().nullable().default(null),
});
export type ModelReport = z.infer<typeof modelReportSchema>;

/** The only answer of a reconcile. */
export const reportSchema = z.object({
  /** What was changed, one line each; empty when the host already matched. */
  changes: z.array(z.string()),
  runtime: z.object({ version: z.string(), url: z.string(), pid: z.number().int().nullable() }).nullable(),
  model: modelReportSchema.nullable(),
  /** Models in our Ollama that no section names. Default: none, which is also what an older host program says. */
  strangers: z.array(z.string()).default([]),
  /** A new bundle that did not become healthy, and the one that serves in its place. Default: none. */
  rolledBack: z.object({ from: hashSchema, to: hashSchema, because: z.string() }).nullable().default(null),
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

/** What a worker will ask of a host, for its preflight to hold the machine against. */
export const wantsSchema = z.object({
  models: z
    .array(
      z.object({
        name: z.string().min(1),
        /** Size of the weights; `null`: not known. */
        diskBytes: z.number().nonnegative().nullable(),
        /** Memory it was measured to take when loaded; `null`: not known. */
        memoryBytes: z.number().nonnegative().nullable(),
        /** Memory of one token of context; `null`: not known, and taken as a common one's. */
        contextBytesPerToken: z.number().nonnegative().nullable().default(null),
      }),
    )
    .default([]),
  /** Whether the host is a container beside Ollama's: what is Ollama's, or its engine's, is then not looked for in it. Default: a machine. */
  container: z.boolean().default(false),
  /** Loopback port that our Ollama is to have. */
  ollamaPort: z.number().int().min(1).max(65_535),
  gpu: gpuSchema,
  /** The GPUs that our Ollama is to see. Default: all. */
  gpus: gpuIdsSchema.default([]),
  /** Tokens of context; 0: Ollama's own. */
  contextLength: z.number().int().nonnegative().default(0),
  /** Where the worker will ask: `rpc`, `gateway`, `beacon` must answer; without any other one it can do. */
  endpoints: z.array(z.object({ name: z.string().min(1), url: z.url() })).default([]),
  /** Memory that a machine must have whatever its models take. Default 2 GiB. */
  minimumMemoryBytes: z
    .number()
    .nonnegative()
    .default(2 * 1024 ** 3),
});
export type Wants = z.infer<typeof wantsSchema>;

/** One line of a preflight. */
export const preflightLineSchema = z.object({
  /** What was looked at, for a person. */
  check: z.string(),
  verdict: z.enum(["pass", "warn", "fail"]),
  found: z.string(),
  /** The exact next step; `null` when it passed. */
  fix: z.string().nullable(),
  /** The code of the error that this would become later on; `null` where it has none of its own. */
  code: z.string().nullable(),
});
export type PreflightLine = z.infer<typeof preflightLineSchema>;

/** A worker's state folder on its host, below the host's folder: the sidecar's journal, lock and control socket. */
export const workerStateFolder = (root: string, worker: string): string => `${root}/workers/${worker}/state`;

/** Something that was sealed to the host for one of its workers. */
const sealedRequest = z.object({
  root: z.string(),
  host: z.string(),
  worker: z.string().min(1),
  address: addressSchema,
  epoch: z.number().int().positive(),
  /** Output of keystore/sealing `sealForHost`, base64. */
  sealed: z.string(),
});

/** Requests and replies of each verb. `root` is the host's folder; everything of ours lies in it. */
export const hostVerbs = {
  /** Makes the seal key if there is none, and tells what the machine is. */
  facts: { request: z.object({ root: z.string(), host: z.string() }), reply: hostFactsSchema },
  /** Holds the machine against what a worker will ask of it. Changes nothing, takes no longer than its longest check, and never fails as a whole. */
  preflight: {
    request: z.object({ root: z.string(), host: z.string(), wants: wantsSchema }),
    reply: z.object({ lines: z.array(preflightLineSchema) }),
  },
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
    request: sealedRequest,
    reply: z.object({ epoch: z.number().int().positive(), changed: z.boolean() }),
  },
  /** Gives away the journal of a worker whose sidecar is stopped, sealed to the host that will serve with it. Changes nothing. */
  giveJournal: {
    request: z.object({
      root: z.string(),
      worker: z.string().min(1),
      address: addressSchema,
      /** Who will open it, and under which epoch it will serve. */
      to: z.object({
        host: z.string().min(1),
        sealKey: hostFactsSchema.shape.sealKey,
        epoch: z.number().int().positive(),
      }),
    }),
    reply: z.object({
      /** Output of keystore/sealing `sealForHost` over the compressed file, base64; `null` when there is none to give. */
      sealed: z.string().nullable(),
      /** Why there is none, where one would be expected: one clause. */
      why: z.string().nullable(),
    }),
  },
  /** Puts a journal in place that another host gave away, unless the one that is here has been served with since. */
  takeJournal: {
    request: sealedRequest,
    reply: z.object({ changed: z.boolean() }),
  },
  /** Whether something answers HTTP requests on the host itself, within five seconds. */
  answers: {
    request: z.object({ root: z.string(), url: z.url({ protocol: /^https?$/ }) }),
    reply: z.object({ ok: z.boolean() }),
  },
  /** Passes a request to the worker's sidecar. */
  control: {
    request: z.object({ root: z.string(), worker: z.string().min(1), request: controlRequestSchema }),
    reply: controlReplySchema,
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
