import type { Job } from "../../abi/job.js";
import { open } from "../../protocol/envelope.js";
import { FrameError, parseRelayFrame, type RelayFrame } from "../../protocol/frames.js";
import { decodeAnswer } from "../../protocol/response.js";
import type { Address, Hash, JobId } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Kzg } from "../../system/kzg.js";
import { createAnswerStream, type AnswerStream } from "./answer-stream.js";
import { readBlob } from "./blob-reader.js";
import type { ConsumerChain } from "./chain.js";
import { AnswerMismatch, AnswerUnavailable, JobTimedOut } from "./errors.js";
import type { ConsumerSession } from "./open-session.js";
import type { RelayListener } from "./relay-client.js";
import { allHeld, checkAnswer, failures, type Checks } from "./verify.js";
import { waitFor } from "./wait.js";

/** A job that was submitted and is being waited for. Whoever doesn't follow it to its end must {@link PendingJob.abandon} it. */
export interface PendingJob {
  readonly jobId: JobId;
  readonly session: ConsumerSession;
  readonly transactions: { readonly blob: Hash; readonly submit: Hash };
  /** Milliseconds since the prompt was begun to be sent. */
  readonly timings: { readonly blobMined: number; readonly submitted: number };
  /** When that was, Unix milliseconds. */
  readonly begun: number;
  /** What the relay has sent for the session, oldest first; grows. */
  readonly inbox: Inbox;
  readonly relay: RelayListener | null;
  abandon(): Promise<void>;
}

/** Frames as they come in, and a way to wait for the next. */
export interface Inbox {
  readonly frames: readonly string[];
  readonly put: (text: string) => void;
}

/** An empty inbox. */
export const createInbox = (): Inbox => {
  const frames: string[] = [];
  return { frames, put: (text) => void frames.push(text) };
};

/** What a consumer may watch while waiting. */
export interface FollowOptions {
  /** Gets each piece of text as it is streamed. */
  readonly onDelta?: (text: string) => void;
  /** The worker began again: what was streamed so far is void. */
  readonly onRestart?: () => void;
  /** How long to wait for the answer to be settled, in ms. Default: 6 minutes. */
  readonly patienceMs?: number;
}

/** An answer, settled and checked. */
export interface Answer {
  readonly jobId: JobId;
  /** The settled answer. */
  readonly answer: string;
  /** What was streamed before it; empty when the relay stayed silent. */
  readonly streamed: string;
  /** `unverified`: nothing was wrong, but something could not be checked (see `checks`). What is wrong is thrown. */
  readonly verified: "verified" | "unverified";
  readonly checks: Checks;
  readonly job: Job;
  readonly transactions: PendingJob["transactions"];
  /** Milliseconds since the prompt was begun to be sent; `null` where that never happened. */
  readonly timings: PendingJob["timings"] & {
    readonly firstDelta: number | null;
    readonly end: number | null;
    readonly settled: number;
    readonly verified: number;
  };
}

/** What following a job needs. */
export interface FollowPorts {
  readonly chain: ConsumerChain;
  readonly chainId: number;
  readonly jobRegistry: Address;
  readonly beaconUrl: string;
  readonly kzg: Pick<Kzg, "commitment">;
  readonly clock: Clock;
}

/** How often frames and the chain are looked at, in ms. */
const LOOK_EVERY_MS = 50;
const ASK_EVERY_MS = 500;
/** How long after settlement the relay may still bring the end, in ms; then the chain's blob has to do. */
const RELAY_GRACE_MS = 2_000;
const DEFAULT_PATIENCE_MS = 6 * 60_000;

/**
 * Waits until a job is settled, passing on what is streamed meanwhile, and verifies the answer; takes it from the chain when the relay stays silent
 * (consumer reference §6 steps 9-10, §7.6, §9).
 * @throws JobTimedOut (LF1031), AnswerMismatch (LF1032), AnswerUnavailable (LF1033)
 */
export async function followJob(ports: FollowPorts, pending: PendingJob, options: FollowOptions = {}): Promise<Answer> {
  const { chain, clock } = ports;
  const { jobId, session, begun } = pending;
  const since = (): number => clock.now() - begun;
  const stream = createAnswerStream(jobId, session.key);
  const times: { firstDelta: number | null; end: number | null } = { firstDelta: null, end: null };
  let read = 0;
  const readInbox = (): void => {
    for (; read < pending.inbox.frames.length; read++) {
      const step = stream.take(frameOf(pending.inbox.frames[read] ?? ""));
      if (stream.end()) times.end ??= since();
      if (!step) continue;
      times.firstDelta ??= since();
      if (step.restarted) options.onRestart?.();
      options.onDelta?.(step.text);
    }
  };
  const look = <T>(ask: () => Promise<T | undefined>, timeoutMs: number, everyMs: number): Promise<T | undefined> => {
    let asked = -Infinity;
    return waitFor(
      async () => {
        readInbox();
        if (clock.now() - asked < everyMs) return undefined;
        asked = clock.now();
        return ask();
      },
      { clock, timeoutMs, everyMs: LOOK_EVERY_MS },
    );
  };

  try {
    const patience = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    const job = await look(() => settled(chain, jobId), patience, ASK_EVERY_MS);
    if (!job) {
      const { state, deadline } = await chain.job(jobId);
      throw new JobTimedOut(jobId, state, deadline, "the patience of the one who asked is over");
    }
    const settledAt = since();
    if (pending.relay) await look(async () => stream.end(), RELAY_GRACE_MS, 0);
    const { ciphertext, checks } = await verified(ports, jobId, job, stream);
    return {
      jobId,
      answer: decodeAnswer(open(session.key, ciphertext)).text,
      streamed: stream.text(),
      verified: allHeld(checks) ? "verified" : "unverified",
      checks,
      job,
      transactions: pending.transactions,
      timings: { ...pending.timings, ...times, settled: settledAt, verified: since() },
    };
  } finally {
    await pending.abandon();
  }
}

/** A clock difference that a node may have, in seconds, before a deadline counts as missed (consumer reference §8). */
const DEADLINE_SLACK = 2n;

/** The job once it holds an answer. @throws JobTimedOut when it never will */
async function settled(chain: ConsumerChain, jobId: JobId): Promise<Job | undefined> {
  const job = await chain.job(jobId);
  switch (job.state) {
    case "Completed":
    case "Disputed":
    case "Resolved":
    case "Released":
      return job;
    case "TimedOut":
      throw new JobTimedOut(jobId, job.state, job.deadline, "its deadline has passed");
    default:
      if ((await chain.head()).time > job.deadline + DEADLINE_SLACK)
        throw new JobTimedOut(jobId, job.state, job.deadline, "its deadline has passed");
      return undefined;
  }
}

/** The ciphertext that both relay and chain vouch for. @throws AnswerMismatch, AnswerUnavailable */
async function verified(
  { chain, chainId, jobRegistry, beaconUrl, kzg, clock }: FollowPorts,
  jobId: JobId,
  job: Job,
  stream: AnswerStream,
): Promise<{ ciphertext: Uint8Array; checks: Checks }> {
  const end = stream.end();
  const relayed = end && end.payload.length > 0 ? { ciphertext: end.payload, signature: end.signature } : null;
  const stored = await storedAnswer({ client: chain.client, beaconUrl, kzg, clock }, chain, job);
  const ciphertext = relayed?.ciphertext ?? stored;
  if (ciphertext === null) throw new AnswerUnavailable(jobId, job.responseBlobHash);
  const checks = await checkAnswer({ chainId, jobRegistry, jobId, job, relayed, stored });
  const failed = failures(checks);
  if (failed.length > 0) throw new AnswerMismatch(jobId, job.worker, failed);
  return { ciphertext, checks };
}

async function storedAnswer(
  place: Parameters<typeof readBlob>[0],
  chain: ConsumerChain,
  job: Job,
): Promise<Uint8Array | null> {
  if (job.responseBlobHash === null) return null;
  const from = job.completionBlockNumber ?? (await chain.head()).number;
  return (await readBlob(place, job.responseBlobHash, from).catch(() => undefined)) ?? null;
}

/** A frame, or what is to be ignored: a relay may say more than we know. */
function frameOf(text: string): RelayFrame {
  try {
    return parseRelayFrame(text);
  } catch (error) {
    if (error instanceof FrameError) return { type: "unknown" };
    throw error;
  }
}
