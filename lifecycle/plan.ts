import { impossible } from "../schema/errors.js";
import { addWei } from "../schema/units.js";
import { earliestExit, worth } from "./money.js";
import { planGone } from "./plan-gone.js";
import { planServing } from "./plan-serving.js";
import { isLifecycle } from "./purpose.js";
import { draft, waitFor, type Draft } from "./steps.js";
import type { Desired, Observed, Plan, SentTx, Step } from "./types.js";

/**
 * What to do next so that `observed` becomes `desired`. Pure and total: the same inputs always give the same steps, and every state has an answer,
 * if only a wait or a blocker.
 *
 * Steps are in order. What stands behind a wait is what follows as far as can be foreseen now, with its amounts estimated; only the first
 * step may be applied, and then the chain is read again. Source: contracts reference §4.1-§4.7.
 */
export function plan(desired: Desired, observed: Observed): Plan {
  const { steps, blockers, toStake, shortfall, gas } = draftFor(desired, observed);
  return {
    steps: afterMempool(steps, observed),
    blockers,
    money: {
      toStake,
      shortfall,
      gas,
      returns: addWei(worth(observed), shortfall),
      earliestExit: earliestExit(observed),
    },
    quiet: isQuiet(observed),
  };
}

function draftFor(desired: Desired, observed: Observed): Draft {
  const newest = newestMined(observed.sent);
  if (newest !== undefined && newest.mined.block > observed.at.number)
    // A node that lags behind would have us do again what we know is done.
    return draft([
      waitFor(
        { kind: "transaction", hash: newest.hash },
        `the node is at block ${observed.at.number}, and ${newest.purpose} was mined in block ${newest.mined.block}`,
      ),
    ]);
  switch (desired.kind) {
    case "serving":
      return planServing(desired, observed);
    case "gone":
      return planGone(desired, observed);
    default:
      return impossible(desired);
  }
}

/**
 * Nothing is sent past a transaction that is still in the mempool, for it may change what is right; unless the next step is that very one, which the sender
 * then follows. Transactions nobody here knows are waited for while their sender may live, and replaced once it is gone.
 */
function afterMempool(steps: readonly Step[], observed: Observed): readonly Step[] {
  const { latest, pending } = observed.nonce;
  const inMempool = observed.sent.filter((tx) => tx.outcome === "open" && tx.nonce >= latest && tx.nonce < pending);
  const ours = inMempool.filter(isLifecycle).sort((a, b) => a.nonce - b.nonce)[0];
  const [first] = steps;
  const resumes = first !== undefined && "purpose" in first && inMempool.some((tx) => tx.purpose === first.purpose);
  if (ours !== undefined && !resumes)
    return [waitFor({ kind: "transaction", hash: ours.hash }, `${ours.purpose} is in the mempool`), ...steps];
  const known = new Set(inMempool.map((tx) => tx.nonce)).size;
  if (first !== undefined && first.do !== "wait" && pending - latest > known && observed.server !== "gone")
    return [
      waitFor(
        { kind: "change", of: "mempool" },
        `${pending - latest - known} transaction(s) of this key that are not known here are in the mempool`,
      ),
      ...steps,
    ];
  return steps;
}

/** No session can bring another job, and none is running: whoever would answer may stop. */
export function isQuiet({ registration, sessions, jobs }: Observed): boolean {
  if (registration === null) return true; // without a stake there is nothing left to lose by silence
  const running = jobs.some((job) => job.state === "Submitted" || job.state === "Acknowledged");
  return !running && sessions.every((session) => session.standing === "dead");
}

type MinedTx = SentTx & { readonly mined: NonNullable<SentTx["mined"]> };
function newestMined(sent: readonly SentTx[]): MinedTx | undefined {
  const mined = sent.filter((tx): tx is MinedTx => tx.mined !== null && isLifecycle(tx));
  return mined.reduce<MinedTx | undefined>(
    (newest, tx) => (newest === undefined || tx.mined.block > newest.mined.block ? tx : newest),
    undefined,
  );
}
