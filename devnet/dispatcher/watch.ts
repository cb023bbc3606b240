import { correlationIdOf, encodeNotice, type SessionNotice } from "../../protocol/frames.js";
import type { JobPayload } from "../../protocol/job-stream.js";
import { impossible } from "../../schema/errors.js";
import type { JobId, SessionId } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Gateway } from "../gateway/gateway.js";
import type { DispatcherView, JobEvent } from "./chain.js";

/** How far back a start looks for jobs that nobody has answered yet, in blocks. */
const LOOKBACK_BLOCKS = 2_000n;

/** Follows the chain: gives submitted jobs to their workers, and tells consumers what became of their sessions. */
export interface Watch {
  /** Reads what is new. @throws when the node cannot be asked; the next round reads the same again */
  round(): Promise<void>;
}

/** Nothing is read yet. In sortition mode everything is passed over: there is no dispatcher then. */
export function watchJobs(
  view: DispatcherView,
  { jobs, notify }: Pick<Gateway, "jobs" | "notify">,
  clock: Pick<Clock, "now">,
): Watch {
  let read: bigint | undefined;
  /** Events before this block are from before the start: nobody waits for news of them. */
  let begun = 0n;

  const payloadOf = async (job: JobId, session: SessionId): Promise<JobPayload | undefined> => {
    const onChain = await view.job(job);
    if (onChain.state !== "Submitted" && onChain.state !== "Acknowledged") return undefined;
    const opened = await view.session(session);
    if (opened === undefined || onChain.promptBlobHash === null) return undefined;
    return {
      jobId: job,
      sessionId: session,
      consumer: opened.user,
      worker: onChain.worker,
      modelId: opened.modelId,
      promptBlobHash: onChain.promptBlobHash,
      blockNumber: onChain.submitBlockNumber,
      timestamp: Number(onChain.submittedAt),
      correlationId: correlationIdOf(session, job),
      priorJobIds: await view.earlierJobs(session, job, onChain.submitBlockNumber),
    };
  };
  const tell = (type: SessionNotice["type"], session: SessionId, more: Partial<SessionNotice>): void => {
    const notice = { type, sessionId: session, reason: "", newWorker: null, ...more };
    notify(session, encodeNotice(notice, Math.floor(clock.now() / 1_000)));
  };
  const take = async (event: JobEvent): Promise<void> => {
    if (event.name === "JobSubmitted") {
      const payload = await payloadOf(event.job, event.session);
      if (payload !== undefined) jobs.add(payload);
      return;
    }
    if (event.block < begun) return;
    switch (event.name) {
      case "JobTimedOut": {
        jobs.forget(event.job);
        const { sessionId: session } = await view.job(event.job);
        const failed = await view.session(session);
        if (failed?.status === "Reassigning")
          tell("reassignment_required", session, { reason: `job ${event.job.toString()} timed out` });
        return;
      }
      case "SessionReassigned":
        return tell("reassigned", event.session, { newWorker: event.worker });
      case "SessionClosed":
        return tell("closed", event.session, {});
      default:
        return impossible(event);
    }
  };
  return {
    round: async () => {
      const { number } = await view.head();
      if (read === undefined) {
        begun = number + 1n;
        read = number > LOOKBACK_BLOCKS ? number - LOOKBACK_BLOCKS : 0n;
      }
      if (number <= read) return;
      const events = await view.eventsBetween(read + 1n, number);
      if (events.length > 0 && !(await view.isSortition()))
        for (const event of events) {
          await take(event);
          read = event.block - 1n; // what follows in its block is read again when it fails
        }
      read = number;
    },
  };
}
