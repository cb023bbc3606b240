import type { Observed } from "../../lifecycle/types.js";
import type { Parts } from "../parts.js";
import { OffenceSeen } from "./troubles.js";

/** Watches the offences that the chain counts. The first new one stops claiming until the operator resumes: a broken host must not go on losing stake. */
export interface Offences {
  /** Looks at what was read of the chain. */
  see(observed: Observed): void;
  /** The operator has seen what the chain counts now. */
  acknowledge(): void;
  /** Why claiming is stopped; `null` when it is not. */
  readonly trouble: OffenceSeen | null;
}

/** Compares the chain's count with what the operator has acknowledged. */
export function createOffences(parts: Pick<Parts, "ports" | "journal" | "identity">): Offences {
  const { ports, journal, identity } = parts;
  let counted = 0n;
  let raised = 0n;
  const trouble = (): OffenceSeen | null => {
    const acknowledged = journal.acknowledgedOffences();
    return counted > acknowledged ? new OffenceSeen(identity.worker, counted, acknowledged) : null;
  };
  return {
    see: ({ registration }) => {
      // A count that fell (reset by the network's owner, or a new registration) must not hide the next offence.
      counted = registration?.offences ?? 0n;
      if (counted < journal.acknowledgedOffences()) journal.setAcknowledgedOffences(counted);
      const found = trouble();
      if (found !== null && counted > raised) ports.alarm.raise("LF1461", found.summary);
      raised = counted;
    },
    acknowledge: () => journal.setAcknowledgedOffences(counted),
    get trouble() {
      return trouble();
    },
  };
}
