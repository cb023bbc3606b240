import type { Observed } from "../../lifecycle/types.js";
import type { Parts } from "../parts.js";
import { keyNotRegistered, olderEpoch } from "./refusals.js";

/**
 * What must hold before anything is done under this key. (Chain id and contracts were checked when the chain was connected, the journal's identity when it
 * was opened; models and gateway may come and go, so they are watched instead.) Source: sidecar reference §1.3.
 * @throws StartRefused LF1455, LF1456
 */
export function checkStart({ identity, journal }: Pick<Parts, "identity" | "journal">, observed: Observed): void {
  const { registration } = observed;
  if (registration !== null && registration.encryptionKey.toLowerCase() !== identity.encryptionKey.toLowerCase())
    throw keyNotRegistered(identity.worker);
  const served = journal.epoch();
  if (served !== undefined && served.epoch > identity.epoch) throw olderEpoch(identity.epoch, served.epoch);
}
