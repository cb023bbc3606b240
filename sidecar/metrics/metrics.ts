import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Label values of a job's stages, as the reference worker names them (sidecar reference §8). */
export type Stage =
  | "ack"
  | "ack_confirm"
  | "fetch_blob"
  | "session_key"
  | "decrypt"
  | "inference"
  | "encrypt"
  | "redis_publish"
  | "submit_blob"
  | "complete_job";
/** How a stage of a job ended. */
export type Outcome = "ok" | "error" | "skipped";
/** Why a job failed; empty on success. */
export type FailureReason =
  | ""
  | "ctx_canceled"
  | "chain_tx_failed"
  | "blob_fetch_failed"
  | "session_key_unavailable"
  | "decrypt_failed"
  | "ollama_timeout"
  | "ollama_unreachable"
  | "blob_submit_failed"
  | "refused"
  | "deadline"
  | "unknown";

const stageBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const jobBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const headroomBuckets = [-30, -10, 0, 5, 10, 15, 30, 60, 90, 120];
/** Jobs reach this worker as they do behind a gateway. */
const delivery = "gateway";

/** What the sidecar measures about itself, under the names that dashboards of the reference worker know. */
export type Metrics = ReturnType<typeof createMetrics>;

/** What is measured when it is asked for. */
export interface Measured {
  /** Free share of the fullest disk that is written to; `null`: not known. */
  readonly diskFree: () => Promise<number | null>;
}

/** Makes an empty set of metrics; several sidecars in one process (tests) never share any. */
export function createMetrics({ diskFree }: Measured = { diskFree: async () => null }) {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  const histogram = (name: string, help: string, labelNames: string[], buckets: number[]) =>
    new Histogram({ name, help, labelNames, buckets, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });

  const stage = histogram(
    "worker_pipeline_stage_duration_seconds",
    "Time in a stage of a job",
    ["stage", "model", "tier", "cache", "delivery", "outcome"],
    stageBuckets,
  );
  const total = histogram(
    "worker_job_total_duration_seconds",
    "From taking a job up to its end",
    ["cache", "delivery", "outcome"],
    jobBuckets,
  );
  const ofModel = ["tier", "model"];
  const ttft = histogram(
    "worker_job_ttft_seconds",
    "Until the first token",
    [...ofModel, "warm", "delivery"],
    jobBuckets,
  );
  const speed = histogram(
    "worker_job_tokens_per_second",
    "Speed of generation",
    ofModel,
    [1, 2, 5, 10, 20, 50, 100, 200, 500],
  );
  const tokens = histogram("worker_job_output_tokens", "Length of answers", ofModel, [1, 16, 64, 256, 1024, 4096]);
  const queueWait = histogram("worker_job_queue_wait_seconds", "Wait for a free place", ofModel, jobBuckets);
  const headroom = histogram(
    "worker_job_deadline_headroom_seconds",
    "Time left when a job was completed",
    ofModel,
    headroomBuckets,
  );
  const jobs = counter("worker_jobs_total", "Jobs by outcome", ["outcome", "reason", "model", "tier", "delivery"]);
  const tierOf = (model: string): { tier: string; model: string } => ({
    tier: model.endsWith("-max") ? "max" : "standard",
    model,
  });

  gauge("worker_up", "1 while the sidecar runs").set(1);
  /** What is not known is not there, which says another thing than 0. */
  const known = (metric: Gauge, value: number | null): void => (value === null ? metric.remove() : metric.set(value));
  const gpuUsed = gauge("worker_gpu_used", "1 while a loaded model is on a GPU, 0 while all are on the CPU");
  const ollamaUp = gauge("worker_ollama_up", "1 while Ollama answers");
  for (const metric of [gpuUsed, ollamaUp]) known(metric, null);
  const free: Gauge = new Gauge({
    ...{ name: "worker_disk_free_ratio", help: "Free share of the fullest disk that is written to", registers },
    collect: async () => known(free, await diskFree()),
  });

  return {
    registry,
    ollamaUp,
    /** @param used whether a loaded model is on a GPU; `null`: none is loaded, or nobody says */
    gpuUsed: (used: boolean | null): void => known(gpuUsed, used === null ? null : Number(used)),
    maxJobs: gauge("worker_max_jobs", "Most jobs worked on at once"),
    activeJobs: gauge("worker_active_jobs", "Jobs in the pipeline"),
    heartbeat: gauge("worker_heartbeat_last_emit_timestamp_seconds", "Last heartbeat that the gateway took"),
    releasePending: gauge("worker_release_pending", "Completed jobs that are not released"),
    releaseSuccess: gauge("worker_release_last_success_timestamp_seconds", "Last release that was mined"),
    released: counter("worker_release_released_total", "Jobs released"),
    releaseFailed: counter("worker_release_failed_total", "Releases that failed"),
    releasePauses: counter("worker_release_pause_events_total", "Releases put off because the contract is paused"),
    releaseDropped: counter("worker_release_dropped_total", "Jobs that will never be released by us", ["reason"]),
    sessionKeys: counter("worker_session_key_events_total", "Where session keys came from", ["path"]),
    claims: counter("worker_claims_total", "Claims of session requests by outcome", ["outcome"]),
    claiming: gauge("worker_claiming", "1 while new sessions are claimed"),
    alarms: counter("worker_alarms_total", "Alarms raised", ["code"]),

    /** @param seconds time spent */
    stageDone: (name: Stage, model: string, outcome: Outcome, seconds: number): void =>
      stage.observe({ stage: name, cache: "none", delivery, outcome, ...tierOf(model) }, seconds),
    firstToken: (model: string, seconds: number): void =>
      ttft.observe({ warm: "true", delivery, ...tierOf(model) }, seconds),
    generated: (model: string, count: number, perSecond: number): void => {
      tokens.observe(tierOf(model), count);
      if (perSecond > 0) speed.observe(tierOf(model), perSecond);
    },
    waited: (model: string, seconds: number): void => queueWait.observe(tierOf(model), seconds),
    jobDone: (model: string, outcome: Outcome, reason: FailureReason, seconds: number): void => {
      jobs.inc({ outcome, reason, delivery, ...tierOf(model) });
      total.observe({ cache: "none", delivery, outcome }, seconds);
    },
    leftBeforeDeadline: (model: string, seconds: number): void => headroom.observe(tierOf(model), seconds),
  };
}
