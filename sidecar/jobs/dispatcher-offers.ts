import { describeError } from "../../schema/errors.js";
import type { JobId } from "../../schema/units.js";
import type { JobRow, JobState } from "../journal.js";
import type { Parts } from "../parts.js";
import type { JobOffer } from "../ports.js";
import type { JobIntake } from "./intake.js";

/** How long an offer waits for the chain to show its job, in ms: our node may be some blocks behind the dispatcher's. */
const patienceMs = 30_000;
/** At its end for the consumer: the answer is mined. */
const answered: ReadonlySet<JobState> = new Set<JobState>(["completed", "releasable", "released"]);

/**
 * What the dispatcher pushes (sidecar reference §5.5). The chain brings the same jobs, so that nothing is lost by what is refused or missed here, and the journal
 * holds each job once, however often and by whom it is told of.
 */
export interface Offers {
  /** Takes an offer: acknowledges it at once, unless there is no place for it, and begins with it when the chain confirms it. */
  take(offer: JobOffer): void;
  /** Looks again at offers that the chain did not show yet. Called with each head. */
  look(): Promise<void>;
  /** A job is at its end; says so to whoever offered it. */
  ended(job: JobId, error: string | null): void;
  /** The session's earlier jobs as the dispatcher told them with this job; `null` where it did not. */
  priorJobs(job: JobId): readonly JobId[] | null;
}

/** What taking an offer depends on. */
export interface OfferPolicy {
  /** Whether new jobs are begun at all: false while the process ends, or stands by. */
  mayTake(): boolean;
  /** Jobs worked on now. */
  active(): number;
}

/**
 * Takes offered jobs through the same intake as those that a log tells of.
 * @param policy whether one may be taken now
 */
export function createOffers(
  parts: Pick<Parts, "ports" | "journal" | "settings" | "clock" | "log">,
  intake: Pick<JobIntake, "offered">,
  policy: OfferPolicy,
): Offers {
  const { journal, settings, clock, log } = parts;
  const stream = parts.ports.jobStream;
  /** Jobs that were acknowledged, whose end is to be told. */
  const owed = new Map<JobId, JobOffer>();
  /** Of these: not confirmed by the chain yet, since when. */
  const unconfirmed = new Map<JobId, number>();

  const accept = (offer: JobOffer): void => {
    stream.ack(offer.job);
    owed.set(offer.job, offer);
  };
  const finish = (job: JobId, error: string | null): void => {
    unconfirmed.delete(job);
    if (owed.delete(job)) stream.done(job, error);
  };
  const refuse = ({ job }: JobOffer, why: string): void => {
    log.warn({ job: job.toString(), why }, "an offered job is not ours to answer");
    finish(job, why);
  };

  const confirm = async (offer: JobOffer): Promise<void> => {
    const { job } = offer;
    let why = "it is not on the chain that this worker reads";
    try {
      const standing = await intake.offered(offer);
      if (!unconfirmed.has(job)) return; // it came to its end meanwhile
      if (standing.kind === "ours") return void unconfirmed.delete(job);
      if (standing.kind === "over") return finish(job, standing.why);
      if (standing.kind === "foreign") return refuse(offer, standing.why);
    } catch (error) {
      why = "the chain could not be asked";
      log.warn({ job: job.toString(), reason: describeError(error) }, "an offered job could not be looked up yet");
    }
    const since = unconfirmed.get(job);
    if (since !== undefined && clock.now() - since > patienceMs) refuse(offer, why);
  };

  return {
    take: (offer) => {
      const { job } = offer;
      const row = journal.job(job);
      if (row !== undefined) {
        accept(offer);
        if (isEnded(row)) finish(job, row.cause);
        return;
      }
      if (owed.has(job)) return stream.ack(job);
      if (!policy.mayTake()) return log.info({ job: job.toString() }, "an offered job is left: nothing new is begun");
      if (policy.active() + unconfirmed.size >= settings.jobs.maxConcurrentJobs)
        return log.info({ job: job.toString() }, "an offered job is left: every place is taken");
      accept(offer);
      unconfirmed.set(job, clock.now());
      void confirm(offer);
    },
    look: async () => {
      for (const job of [...unconfirmed.keys()]) {
        const offer = owed.get(job);
        if (offer !== undefined) await confirm(offer);
      }
    },
    ended: finish,
    priorJobs: (job) => owed.get(job)?.priorJobs ?? null,
  };
}

const isEnded = ({ state }: JobRow): boolean => answered.has(state) || state === "lost" || state === "forfeited";
