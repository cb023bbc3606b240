import { describeError, FleetError } from "../../schema/errors.js";
import type { JobId } from "../../schema/units.js";
import { JournalViolation, type JobRow, type JobState } from "../journal.js";
import type { JobContext } from "./context.js";
import { JobEnds } from "./endings.js";
import { produce } from "./produce.js";
import { settle } from "./settle.js";
import { createJobReader } from "./standing.js";

/** Pause after an unforeseen failure, in ms. */
const afterBugMs = 5_000;

/** Works on jobs, each once at a time. */
export interface JobRunner {
  /** Takes a job up where its row stands; nothing happens when it is being worked on already. */
  take(id: JobId): void;
  /** Takes up every job that a former run left. */
  resume(): void;
  /** Jobs being worked on. */
  readonly active: number;
  /** Resolves when nothing is being worked on. */
  idle(): Promise<void>;
  /** Breaks off what runs; the rows keep where it stood. */
  stop(): Promise<void>;
}

/** Why a job's work was broken off. */
export class Stopped extends Error {}

/** What follows from a job's end, for others to hear. */
export interface JobEvents {
  completed(id: JobId): void;
  ended(id: JobId, ending: JobEnds): void;
}

const beforeAcknowledgement: readonly JobState[] = ["seen", "admitted"];
const beforeAnswer: readonly JobState[] = [...beforeAcknowledgement, "acking", "acked"];
const beforeCompletion: readonly JobState[] = [
  ...beforeAnswer,
  "answered",
  "signed",
  "publishing",
  "blobbing",
  "completing",
];

/**
 * Runs each job to its end, across restarts.
 * @param events told of each end
 */
export function createJobRunner(given: Omit<JobContext, "inherited">, events: JobEvents): JobRunner {
  const { journal, clock, log, metrics, models } = given;
  const unsigned = journal
    .openJobs()
    .filter((row) => row.signature === null && !beforeAcknowledgement.includes(row.state));
  const context: JobContext = { ...given, inherited: new Set(unsigned.map(({ id }) => id)) };
  const reader = createJobReader(context);
  const stopping = new AbortController();
  const running = new Map<JobId, Promise<void>>();

  const step = async (row: JobRow): Promise<void> => {
    if (beforeAnswer.includes(row.state)) await produce(context, reader, row, stopping.signal);
    await settle(context, reader, row.id, stopping.signal);
  };
  const work = async (id: JobId): Promise<void> => {
    const startedMs = clock.now();
    const model = (row: JobRow): string => models.get(row.model) ?? "unknown";
    for (let row = journal.job(id); row !== undefined && beforeCompletion.includes(row.state); row = journal.job(id)) {
      try {
        await step(row);
        log.info({ job: id.toString(), session: row.session.toString() }, "job completed");
        metrics.jobDone(model(row), "ok", "", (clock.now() - startedMs) / 1_000);
        events.completed(id);
      } catch (error) {
        if (error instanceof JobEnds && isWrittenDown(id, error)) {
          log.error({ job: id.toString(), code: error.code, err: error.cause }, `job ${error.end}: ${error.why}`);
          metrics.jobDone(model(row), "error", error.reason, (clock.now() - startedMs) / 1_000);
          events.ended(id, error);
        } else if (stopping.signal.aborted) {
          log.info({ job: id.toString(), state: journal.job(id)?.state }, "job put down; the next start takes it up");
          return;
        } else {
          log.error({ job: id.toString(), err: error }, "a job's step failed unexpectedly");
          await clock.sleep(afterBugMs, stopping.signal);
        }
      }
    }
  };
  /** An end that could not be written down is none yet: the job is looked at again. */
  const isWrittenDown = (id: JobId, { end, message }: JobEnds): boolean => {
    try {
      journal.advance(id, end, { cause: message });
      return true;
    } catch (error) {
      if (error instanceof JournalViolation) throw error;
      return false;
    }
  };
  const take = (id: JobId): void => {
    if (running.has(id) || stopping.signal.aborted) return;
    const job = work(id)
      .catch((error: unknown) => {
        // Only the journal itself can fail here; nothing may go on that could not be written down.
        const code = error instanceof FleetError ? error.code : undefined;
        log.error({ job: id.toString(), code, reason: describeError(error) }, "a job could not be worked on");
      })
      .finally(() => {
        running.delete(id);
        metrics.activeJobs.set(running.size);
      });
    running.set(id, job);
    metrics.activeJobs.set(running.size);
  };

  return {
    take,
    resume: () => {
      for (const row of journal.openJobs()) if (beforeCompletion.includes(row.state)) take(row.id);
    },
    get active() {
      return running.size;
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running.values());
    },
    stop: async () => {
      stopping.abort(new Stopped("the sidecar is stopping"));
      await Promise.all(running.values());
    },
  };
}
