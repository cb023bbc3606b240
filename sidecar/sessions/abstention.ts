import type { ChainRules } from "../../lifecycle/types.js";
import { FleetError } from "../../schema/errors.js";
import type { Settings } from "../../schema/settings.js";
import { leavesTimeForModel, type Reserves } from "../jobs/deadlines.js";

/** LF1462: as the network's rules are now, no session is claimed: what it would bring could not be answered, or not be settled. */
export class NothingClaimed extends FleetError {
  constructor(why: string) {
    super("LF1462", `No session is claimed: ${why}.`, {
      fix: "wait: claims go on by themselves once the network's rules allow it; open sessions are served as far as they can be.",
    });
  }
}

/** Why the network's rules of the moment forbid claims; `null` when they do not. Whether it draws workers at all is not asked here. */
export function whyNothingIsClaimed(
  { paused, ackTimeout, completionTimeout }: Pick<ChainRules, "paused" | "ackTimeout" | "completionTimeout">,
  reserves: Reserves & Pick<Settings["chain"], "ackTimeoutMs">,
): NothingClaimed | null {
  if (paused.jobs) return new NothingClaimed("the network's JobRegistry is paused");
  if (paused.workers) return new NothingClaimed("the network's WorkerRegistry is paused");
  if (Number(ackTimeout) * 1_000 <= reserves.ackTimeoutMs)
    return new NothingClaimed(`a job has to be acknowledged within ${ackTimeout} s, and that alone may take as long`);
  if (!leavesTimeForModel(Number(completionTimeout) * 1_000, reserves))
    return new NothingClaimed(
      `a job has to be answered within ${completionTimeout} s, of which settling leaves no time for a model`,
    );
  return null;
}
