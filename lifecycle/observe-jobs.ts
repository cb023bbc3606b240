import type { Job, Session } from "../abi/job.js";
import { later, wei, type Address, type BlockTime, type JobId, type ModelId, type SessionId } from "../schema/units.js";
import type { ContractReads } from "./contract-reads.js";
import { inTurns, unsettledBlocks } from "./history.js";
import type { BlockRef, ChainRules, JobStanding, Observed, WorkerSession } from "./types.js";

/** Sessions and jobs that were seen at their end, and in which block: a reorganisation apart, they never change again. */
export interface Finished {
  readonly sessions: Map<SessionId, { readonly at: bigint; readonly session: Session }>;
  readonly jobs: Map<JobId, bigint>;
}

/** What is remembered of a worker of which nothing was read yet. */
export const nothingFinished = (): Finished => ({ sessions: new Map(), jobs: new Map() });

/** What the questions below are asked with. */
export interface Asking {
  readonly chain: ContractReads;
  readonly worker: Address;
  readonly at: BlockRef;
  readonly rules: ChainRules;
  readonly finished: Finished;
  /** Whether somebody may still answer a job. */
  readonly server: Observed["server"];
}

/** The standing of every session that was ever this worker's, and its model. */
export async function readSessions(
  ids: Iterable<SessionId>,
  { chain, worker, at, rules, finished }: Asking,
): Promise<WorkerSession[]> {
  const sessions: WorkerSession[] = [];
  await inTurns([...ids], async (id) => {
    const known = finished.sessions.get(id);
    const session = known && known.at + unsettledBlocks < at.number ? known.session : await chain.session(id);
    if (session === null) return; // a reorganisation took it back
    const { user, modelId: model } = session;
    if (session.status === "Closed" && known === undefined) finished.sessions.set(id, { at: at.number, session });
    const isOver = session.status === "Closed" || session.worker !== worker;
    const fee = rules.models.find((standing) => standing.id === model)?.fee ?? wei(0n);
    const dead = isOver || (await chain.refusesJobs(id, session, fee));
    sessions.push({ id, model, user, standing: dead ? "dead" : "open" });
  });
  return sessions.sort((a, b) => compare(a.id, b.id));
}

/** The jobs of this worker that are not finished with. */
export async function readJobs(
  ids: Iterable<JobId>,
  sessions: readonly WorkerSession[],
  { chain, worker, at, rules, finished, server }: Asking,
): Promise<JobStanding[]> {
  const models = new Map<SessionId, ModelId>(sessions.map(({ id, model }) => [id, model]));
  const jobs: JobStanding[] = [];
  await inTurns([...ids], async (id) => {
    const seen = finished.jobs.get(id);
    if (seen !== undefined && seen + unsettledBlocks < at.number) return;
    const job = await chain.job(id);
    if (job === null) return;
    const model = models.get(job.sessionId);
    if (isFinished(job) || job.worker !== worker || model === undefined) {
      finished.jobs.set(id, seen ?? at.number);
      return;
    }
    finished.jobs.delete(id);
    const { sessionId: session, state, escrowedFee: escrow, deadline } = job;
    const isLost = server === "gone" && isRunning(job) && deadline < at.time;
    const noFaultAt = isLost ? await chain.noFaultAt(id, worker, at.time) : null;
    jobs.push({ id, session, model, state, escrow, deadline, releasableAt: releasableAt(job, at, rules), noFaultAt });
  });
  return jobs.sort((a, b) => compare(a.id, b.id));
}

/** Whether nothing can come of a job any more: paid out, given back, or lost. */
function isFinished(job: Job): boolean {
  if (job.state === "Released" || job.state === "TimedOut") return true;
  return job.state === "Resolved" && job.escrowedFee === 0n;
}

const isRunning = ({ state }: Job): boolean => state === "Submitted" || state === "Acknowledged";

/** First block time at which `releaseJobs` takes it (contracts reference §4.6); `null` while that depends on others. */
function releasableAt(job: Job, at: BlockRef, rules: ChainRules): BlockTime | null {
  if (job.state === "Completed" && job.completedAt !== null) return later(job.completedAt, rules.disputeWindow);
  return job.state === "Resolved" ? at.time : null;
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
