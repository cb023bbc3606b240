import { z } from "zod";
import { modelNameSchema } from "./json.js";
import { addressSchema, networkSchema } from "./network.js";

/*
 * Every setting of the sidecar, once: name, unit, default, what it means, and the environment name by which operators of the network's own worker know it
 * (sidecar reference §7). `docs/settings.md` is generated from here. All durations are milliseconds, all money is wei as decimal strings.
 */

interface About {
  /** One line for the docs. */
  readonly doc: string;
  /** The reference worker's environment name, if it has this setting. */
  readonly env?: string;
}
const about = <T extends z.ZodType>(schema: T, description: About): T => schema.meta({ ...description });

const ms = (fallback: number, description: About) =>
  about(z.number().int().positive().default(fallback), { ...description, doc: `${description.doc} (ms)` });
const count = (fallback: number, description: About) =>
  about(z.number().int().positive().default(fallback), description);
const port = z.number().int().min(1).max(65_535);

/** What the sidecar is and serves. */
const identity = {
  worker: about(z.string().min(1), { doc: "The worker's resource name." }),
  host: about(z.string().min(1), { doc: "Name of the host it runs on; its secret must be sealed for it." }),
  address: about(addressSchema, { doc: "On-chain address; must be that of the key it is given." }),
  network: about(networkSchema, { doc: "The network it lives on." }),
  models: about(z.array(modelNameSchema).min(1), {
    doc: "Models it may serve, by the network's exact names.",
    env: "SUPPORTED_MODELS",
  }),
};

/** What goes to CloudWatch. A new field has a default: a host's bundle may be older than the program, or newer. */
const cloudwatch = {
  /** For instance `eu-central-1`. */
  region: z.string().min(1),
  /** What this worker's metrics are told apart by; `null` sends none. */
  dimensions: z.record(z.string(), z.string()).nullable().default(null),
  /** Whether its models are meant to compute on a GPU. */
  gpu: z.boolean().default(false),
  /** Where its log lines go; `null` sends none. */
  logGroup: z.string().min(1).nullable().default(null),
};
const aboutCloudwatch: About = {
  doc: "Metrics and log lines also go to CloudWatch, by the machine's own role: `region`, `dimensions`, `gpu`, `logGroup`; null sends none.",
};

/** Where it keeps and offers things. Absolute paths. */
const places = {
  stateFolder: about(z.string().min(1), { doc: "Folder of the journal, the control socket and its token; mode 0700." }),
  metricsPort: about(port.nullable().default(null), {
    doc: "Loopback port of /metrics and /healthz; null serves none.",
    env: "WORKER_METRICS_ADDR",
  }),
  interruptions: about(z.enum(["none", "ec2"]).default("none"), {
    doc: "Who may take the machine back: `ec2` heeds a spot machine's notice of two minutes.",
  }),
  cloudwatch: about(z.object(cloudwatch).nullable().default(null), aboutCloudwatch),
  logLevel: about(z.enum(["debug", "info", "warn", "error"]).default("info"), { doc: "Log level.", env: "LOG_LEVEL" }),
};

const chain = {
  gasPriceMultiplierBps: count(11_000, {
    doc: "Plain transactions pay the node's gas price times this, in basis points.",
    env: "GAS_PRICE_MULTIPLIER_BPS",
  }),
  maxGasPriceWei: about(
    z
      .string()
      .regex(/^[0-9]+$/)
      .default("100000000000"),
    {
      doc: "Highest price per gas ever paid, plain or blob (wei).",
      env: "MAX_GAS_PRICE",
    },
  ),
  maxBlobGasPriceWei: about(
    z
      .string()
      .regex(/^[0-9]+$/)
      .default("1000000000"),
    { doc: "maxFeePerBlobGas of an answer's blob (wei)." },
  ),
  blobProofs: about(z.enum(["auto", "blob", "cells"]).default("auto"), {
    doc: "A blob's proofs: one of the blob, one of each cell (Osaka), or as the node asks.",
  }),
  gasLimitPercent: count(150, { doc: "Gas limit as a percentage of the node's estimate." }),
  pollMs: ms(1_000, { doc: "How often new blocks are looked for where they are not pushed." }),
  ackTimeoutMs: ms(15_000, { doc: "Budget of an acknowledgement until it is mined.", env: "ACK_TX_TIMEOUT" }),
  blobTimeoutMs: ms(90_000, {
    doc: "Budget of an answer's blob transaction until it is mined.",
    env: "BLOB_TX_TIMEOUT",
  }),
  replaceAfterMs: ms(20_000, {
    doc: "A transaction not mined by then is replaced at the same nonce with higher fees.",
  }),
  logChunkBlocks: count(5_000, { doc: "Blocks asked for in one log query.", env: "SORTITION_CHUNK_SIZE" }),
  claimLookbackBlocks: count(2_000, {
    doc: "How far back a first start looks for open requests.",
    env: "SORTITION_SESSION_LOOKBACK_BLOCKS",
  }),
  historyLookbackBlocks: count(50_000, {
    doc: "How far back a session's earlier jobs count; a constant of the protocol.",
    env: "SORTITION_HISTORY_LOOKBACK_BLOCKS",
  }),
};

const jobs = {
  maxConcurrentJobs: count(2, { doc: "Jobs worked on at once.", env: "MAX_CONCURRENT_JOBS" }),
  settleReserveMs: ms(25_000, {
    doc: "Inference is cut off this long before the deadline.",
    env: "DEADLINE_SETTLE_RESERVE",
  }),
  completionReserveMs: ms(12_000, {
    doc: "No blob is sent with less than this left.",
    env: "DEADLINE_COMPLETION_RESERVE",
  }),
  minInferenceBudgetMs: ms(10_000, {
    doc: "No job is begun that leaves less for the model.",
    env: "DEADLINE_MIN_INFERENCE_BUDGET",
  }),
  blobFetchTimeoutMs: ms(10_000, { doc: "Per request to the beacon node.", env: "BLOB_FETCH_TIMEOUT" }),
  blobFetchRetries: count(3, { doc: "Further attempts to find a prompt's blob.", env: "BLOB_FETCH_RETRIES" }),
  shutdownMs: ms(240_000, { doc: "How long running jobs may take after SIGTERM.", env: "SHUTDOWN_TIMEOUT" }),
};

const inference = {
  ollamaUrl: about(z.url(), { doc: "Ollama's address.", env: "OLLAMA_URL" }),
  ollamaTimeoutMs: ms(120_000, {
    doc: "Whole exchange with Ollama, the streamed body included.",
    env: "OLLAMA_TIMEOUT",
  }),
  keepAlive: about(z.union([z.number().int(), z.string()]).default(-1), {
    doc: "How long Ollama keeps a model loaded; -1 for ever.",
    env: "OLLAMA_KEEP_ALIVE",
  }),
  numPredict: about(z.number().int().min(-2).default(1024), {
    doc: "Longest answer (tokens).",
    env: "OLLAMA_NUM_PREDICT",
  }),
  numContext: about(z.number().int().nonnegative().default(0), {
    doc: "Context window asked for (tokens); 0 leaves the model's own.",
    env: "OLLAMA_NUM_CTX",
  }),
  think: about(z.boolean().default(false), {
    doc: "Whether models may think before they answer.",
    env: "OLLAMA_THINK",
  }),
  reasoningNumPredict: about(z.number().int().default(4096), {
    doc: "Longest answer of a model that can think (tokens); 0 switches the detection off.",
    env: "OLLAMA_REASONING_NUM_PREDICT",
  }),
  streamChunkTokens: count(8, {
    doc: "Deltas in one frame of the stream, after the first.",
    env: "STREAM_CHUNK_TOKENS",
  }),
  streamChunkMs: ms(250, { doc: "Longest a delta waits for its frame.", env: "STREAM_CHUNK_INTERVAL" }),
  streamReasoning: about(z.boolean().default(true), {
    doc: "Whether thinking is streamed to the consumer.",
    env: "STREAM_REASONING",
  }),
};

const services = {
  heartbeatMs: ms(10_000, { doc: "Between heartbeats to the gateway.", env: "HEARTBEAT_INTERVAL" }),
  releaseProbeMs: ms(300_000, { doc: "Between looks at what can be released.", env: "RELEASE_PROBE_INTERVAL" }),
  releaseIntervalMs: ms(28_800_000, {
    doc: "Releasable jobs are released at least this often.",
    env: "RELEASE_INTERVAL",
  }),
  releaseBatchThreshold: count(20, {
    doc: "Releasable jobs that start a release at once.",
    env: "RELEASE_BATCH_THRESHOLD",
  }),
  releaseMaxBatch: count(50, { doc: "Jobs in one release transaction.", env: "RELEASE_MAX_BATCH_SIZE" }),
  lifecycleProbeMs: ms(15_000, { doc: "Between looks at the worker's own standing." }),
  rehearsalTokens: count(128, { doc: "Length of the answer that the rehearsal must finish in time (tokens)." }),
};

/** Everything that a sidecar is told at its start, with every default; docs/stacks.md lists them. */
export const settingsSchema = z.object({
  ...identity,
  ...places,
  chain: z.object(chain).prefault({}),
  jobs: z.object(jobs).prefault({}),
  inference: z.object(inference),
  services: z.object(services).prefault({}),
});
/** What an operator may tune, as one writes it: a setting that there is none of is most likely a misspelt one, and refused. */
export const tuningSchema = z
  .strictObject({
    metricsPort: places.metricsPort,
    interruptions: places.interruptions,
    cloudwatch: z.strictObject(cloudwatch).nullable(),
    logLevel: places.logLevel,
    chain: z.strictObject(chain),
    jobs: z.strictObject(jobs),
    inference: z.strictObject(inference).omit({ ollamaUrl: true }),
    services: z.strictObject(services),
  })
  .partial();
/** The sidecar's settings, every default filled in. */
export type Settings = z.infer<typeof settingsSchema>;
/** As an operator writes them: what has a default may be left out. */
export type SettingsInput = z.input<typeof settingsSchema>;
