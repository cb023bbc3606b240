import { encodeJob, type JobPayload } from "../../protocol/job-stream.js";
import type { Address, JobId } from "../../schema/units.js";

/** How long a worker may take to acknowledge, in ms; then the job is offered again. */
export const ACK_WITHIN_MS = 5_000;
/** Pause after a worker gave a job back, in ms. */
export const RETRY_AFTER_MS = 1_000;
/** A job is offered this often, and then no more: its deadline on the chain decides. */
export const MOST_OFFERS = 5;
/** The oldest are forgotten beyond this many. */
const MOST_KEPT = 1_000;

/** `waiting`: for its worker, a place there, or the next attempt. `given up`: it was offered as often as it may. */
export type JobStanding = "waiting" | "offered" | "acked" | "done" | "given up";

interface Entry {
  readonly payload: JobPayload;
  standing: JobStanding;
  offers: number;
  /** When something is to be done, Unix ms: the next attempt, or the end of the wait for an acknowledgement. */
  dueMs: number;
  error: string | null;
}

/** Jobs on their way to workers. Source: sidecar reference §5.5; how often it tries is chosen here. */
export interface JobQueue {
  /** Offers a job to its worker as soon as that is there and has a place. A job that is known already is left as it is. */
  add(payload: JobPayload): void;
  /** A worker is there; an older connection of it counts no more. Everything that is not done is offered (again). @returns what ends it */
  connect(worker: Address, connection: { readonly slots: number; readonly send: (text: string) => void }): () => void;
  acked(worker: Address, job: JobId): void;
  /** A job is at its end; with an error it is offered again after a pause. */
  done(worker: Address, job: JobId, error: string | null): void;
  /** The chain has ended it. */
  forget(job: JobId): void;
  /** Offers what is due. */
  pump(): void;
  /** Places a worker has left; `undefined` when it is not connected. */
  free(worker: Address): number | undefined;
  /** Where a job stands, how often it was offered, and what its worker said last. */
  standing(job: JobId): { standing: JobStanding; offers: number; error: string | null } | undefined;
}

/** Starts without any job. */
export function createJobQueue(options: {
  now: () => number;
  /** Told of each job that was offered as often as it may. */
  onGivenUp: (payload: JobPayload) => void;
}): JobQueue {
  const { now, onGivenUp } = options;
  const entries = new Map<JobId, Entry>();
  const connections = new Map<Address, { readonly slots: number; readonly send: (text: string) => void }>();

  const of = (worker: Address): Entry[] => [...entries.values()].filter(({ payload }) => payload.worker === worker);
  const free = (worker: Address): number | undefined => {
    const slots = connections.get(worker)?.slots;
    const taken = of(worker).filter(({ standing }) => standing === "offered" || standing === "acked").length;
    return slots === undefined ? undefined : Math.max(0, slots - taken);
  };
  const waitUntil = (entry: Entry, dueMs: number): void => {
    entry.standing = entry.offers < MOST_OFFERS ? "waiting" : "given up";
    entry.dueMs = dueMs;
    if (entry.standing === "given up") onGivenUp(entry.payload);
  };
  /** What is known of its worker's connection was lost with it. */
  const lose = (worker: Address): void => {
    for (const entry of of(worker))
      if (entry.standing === "offered" || entry.standing === "acked") waitUntil(entry, now());
  };
  const pump = (): void => {
    for (const entry of entries.values()) {
      if (entry.dueMs > now()) continue;
      if (entry.standing === "offered") waitUntil(entry, now());
      if (entry.standing !== "waiting" || (free(entry.payload.worker) ?? 0) === 0) continue;
      entry.standing = "offered";
      entry.offers++;
      entry.dueMs = now() + ACK_WITHIN_MS;
      connections.get(entry.payload.worker)?.send(encodeJob(entry.payload));
    }
  };
  const open = (worker: Address, job: JobId): Entry | undefined => {
    const entry = entries.get(job);
    const isOpen = entry?.standing === "offered" || entry?.standing === "acked";
    return isOpen && entry.payload.worker === worker ? entry : undefined;
  };

  return {
    add: (payload) => {
      if (entries.has(payload.jobId)) return;
      entries.set(payload.jobId, { payload, standing: "waiting", offers: 0, dueMs: 0, error: null });
      for (const oldest of entries.keys()) {
        if (entries.size <= MOST_KEPT) break;
        entries.delete(oldest);
      }
      pump();
    },
    connect: (worker, connection) => {
      lose(worker);
      connections.set(worker, connection);
      pump();
      return () => {
        if (connections.get(worker) !== connection) return;
        connections.delete(worker);
        lose(worker);
      };
    },
    acked: (worker, job) => {
      const entry = open(worker, job);
      if (entry === undefined) return;
      entry.standing = "acked";
      entry.dueMs = 0;
    },
    done: (worker, job, error) => {
      const entry = open(worker, job);
      if (entry === undefined) return;
      entry.error = error;
      if (error === null) entry.standing = "done";
      else waitUntil(entry, now() + RETRY_AFTER_MS);
      pump();
    },
    forget: (job) => void entries.delete(job),
    pump,
    free,
    standing: (job) => {
      const entry = entries.get(job);
      return entry && { standing: entry.standing, offers: entry.offers, error: entry.error };
    },
  };
}
