import type { Observed } from "../../lifecycle/types.js";
import { JournalStale } from "../lifecycle/troubles.js";
import type { Parts } from "../parts.js";

/** Whether this journal may speak for the key. */
export interface Staleness {
  /** Why it may not; `null` when it may. */
  readonly trouble: JournalStale | null;
  /** At start: takes up a new epoch, which a provider makes only when the former holder is proven stopped; else compares the chain with the journal. */
  begin(observed: Observed): Promise<void>;
  /** Later: whether somebody else has used the key. */
  look(observed: Observed): Promise<void>;
}

/** Watches whether somebody else uses the key. */
export function createStaleness(parts: Pick<Parts, "ports" | "journal" | "identity" | "log">): Staleness {
  const { ports, journal, identity, log } = parts;
  let trouble: JournalStale | null = null;

  const compare = async ({ nonce }: Observed): Promise<void> => {
    const confirmed = journal.epoch()?.nonce ?? 0;
    // The journal has every nonce it ever signed; those below `confirmed` were vouched for by the epoch.
    const stale = nonce.latest > confirmed && (await ports.transactions.useOfKey()) === "foreign";
    const found = stale ? new JournalStale(identity) : null;
    if (found !== null && trouble === null) ports.alarm.raise("LF1412", found.summary);
    trouble = found;
  };
  return {
    get trouble() {
      return trouble;
    },
    begin: async (observed) => {
      const served = journal.epoch();
      const isHandover = served === undefined ? identity.epoch > 1 : identity.epoch > served.epoch;
      if (isHandover) {
        // What the former holder left in the pools may still be mined, and is vouched for too.
        journal.setEpoch(identity.epoch, observed.nonce.pending, observed.at.time);
        log.info({ epoch: identity.epoch, nonce: observed.nonce.latest }, "took up a new epoch");
      }
      await compare(observed);
      if (trouble === null && journal.epoch() === undefined)
        journal.setEpoch(identity.epoch, observed.nonce.latest, null);
    },
    look: compare,
  };
}
