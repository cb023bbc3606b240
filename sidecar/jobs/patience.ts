import { describeError, FleetError } from "../../schema/errors.js";
import { JournalViolation } from "../journal.js";
import type { Parts } from "../parts.js";
import { JobEnds } from "./endings.js";

/** First and longest pause between attempts, in ms. */
const firstPauseMs = 500;
const longestPauseMs = 8_000;

/**
 * Does one step of a job again and again until it succeeds, ends the job, or `signal` aborts: what fails for a moment (a node, the beacon, the gateway) must
 * not cost a job that still has time. Rejects with the signal's reason, and the last failure as `cause` of it where it can carry one.
 *
 * @param isFinal errors that no further attempt can help; they are thrown as they are
 */
export async function patiently<T>(
  parts: Pick<Parts, "clock" | "log">,
  what: string,
  signal: AbortSignal,
  step: () => Promise<T>,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<T> {
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
    signal.throwIfAborted();
    try {
      return await step();
    } catch (error) {
      if (error instanceof JobEnds || error instanceof JournalViolation || isFinal(error)) throw error;
      signal.throwIfAborted();
      const code = error instanceof FleetError ? error.code : undefined;
      parts.log.warn({ code, reason: describeError(error) }, `${what} failed; trying again`);
      await parts.clock.sleep(pause, signal);
    }
  }
}
