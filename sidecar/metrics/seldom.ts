import { describeError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";

const hourMs = 3_600_000;

/** Says in the log why something fails again and again, once an hour at most. @param what fails, as a sentence */
export function seldom(what: string, { log, clock }: { readonly log: Logger; readonly clock: Clock }) {
  let saidAt = -Infinity;
  return (error: unknown): void => {
    if (clock.now() - saidAt < hourMs) return;
    saidAt = clock.now();
    log.warn({ reason: describeError(error) }, `${what}; this is said once an hour at most`);
  };
}
