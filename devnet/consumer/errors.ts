import { FleetError } from "../../schema/errors.js";
import type { JobState } from "../../abi/job.js";
import type { Address, BlockTime, Hash, JobId, RequestId, SessionId } from "../../schema/units.js";

/** LF1030: no worker claimed a request for a session. */
export class NoClaim extends FleetError {
  constructor(
    readonly requestId: RequestId,
    readonly model: string,
    waitedMs: number,
  ) {
    super(
      "LF1030",
      `No worker claimed session request ${requestId} for ${model} within ${Math.round(waitedMs / 1000)} s.`,
      {
        fix: "check that a registered worker serves this model and is live, then ask again",
      },
    );
  }
}

/** LF1031: a job was not answered in time. Says what the chain holds of it. */
export class JobTimedOut extends FleetError {
  constructor(
    readonly jobId: JobId,
    readonly state: JobState,
    readonly deadline: BlockTime,
    why: "its deadline has passed" | "the patience of the one who asked is over",
  ) {
    const when = new Date(Number(deadline) * 1000).toISOString();
    super("LF1031", `Job ${jobId} is still ${state} on the chain and ${why} (deadline ${when}).`, {
      fix: `read the worker's log; after the deadline \`claim-timeout ${jobId}\` gives the fee back`,
    });
  }
}

/** LF1032: what a worker said and what it settled differ: evidence for a dispute. */
export class AnswerMismatch extends FleetError {
  constructor(
    readonly jobId: JobId,
    readonly worker: Address,
    /** Which checks failed, in words. */
    readonly failed: readonly string[],
  ) {
    super("LF1032", `The answer to job ${jobId} by ${worker} does not verify: ${failed.join("; ")}.`, {
      fix: "keep the frames of this session: they are the evidence that disputeResponseMismatch takes",
    });
  }
}

/** LF1033: a job is settled, but its answer is neither on the relay nor in a blob that can be found. */
export class AnswerUnavailable extends FleetError {
  constructor(
    readonly jobId: JobId,
    readonly responseBlobHash: Hash | null,
  ) {
    super("LF1033", `Job ${jobId} is settled, but its answer (blob ${responseBlobHash ?? "none"}) was found nowhere.`, {
      fix: "check endpoints.beacon and endpoints.relay of the network",
    });
  }
}

/** LF1034: a transaction of the consumer's was refused or reverted. */
export class TransactionFailed extends FleetError {
  constructor(
    readonly what: string,
    readonly reason: string,
    readonly hash: Hash | null,
    cause?: unknown,
  ) {
    super("LF1034", `The transaction to ${what} failed: ${reason}${hash === null ? "" : ` (${hash})`}.`, {
      fix: "check the account's balance and that the session is open, then ask again",
      cause,
    });
  }
}

/** LF1035: the session on the chain is not the one that was agreed. */
export class WrongSession extends FleetError {
  constructor(
    readonly sessionId: SessionId,
    readonly difference: string,
  ) {
    super("LF1035", `Session ${sessionId} is not what was asked for: ${difference}.`, {
      fix: "do not use it; request another session",
    });
  }
}

/** LF1036: a file that the command was given cannot be used. Next: give the one that the line asks for. */
export class FileUnusable extends FleetError {
  constructor(file: string, reason: string, fix: string, cause?: unknown) {
    super("LF1036", `${file} cannot be used: ${reason}.`, { fix, cause });
  }
}

/** LF1037: nothing that was relayed proves a worker's mismatch. */
export class NoEvidence extends FleetError {
  constructor(
    readonly jobId: JobId,
    frames: number,
  ) {
    super(
      "LF1037",
      `None of ${frames} relayed frame(s) carries a signature of job ${jobId}'s worker over other bytes than the committed ones.`,
      { fix: `dispute it with a bond instead, or keep what was delivered` },
    );
  }
}

/** LF1051: the dispatcher did not do what it was asked for. */
export class DispatcherRefused extends FleetError {
  constructor(
    /** Its own word for it, for instance `no_pending_selection`. */
    readonly reason: string,
    message: string,
    cause?: unknown,
  ) {
    super("LF1051", `The network's dispatcher: ${reason}${message === "" ? "" : ` (${message})`}.`, {
      fix: "check endpoints.dispatcher of the network and its AIConfig's sortition switch, then ask again",
      cause,
    });
  }
}

/** LF1052: the dispatcher had no worker to give. */
export class NoWorkerFree extends FleetError {
  constructor(
    readonly model: string,
    waitedMs: number,
  ) {
    super("LF1052", `The dispatcher had no worker for ${model} within ${Math.round(waitedMs / 1000)} s.`, {
      fix: "check that a registered worker serves this model, is live and has a free place, then ask again",
    });
  }
}
