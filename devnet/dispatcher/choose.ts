import type { Address, ModelId } from "../../schema/units.js";

/** A worker as the gateway knows it. */
export interface Candidate {
  readonly worker: Address;
  /** Models of its last heartbeat, and what else it says it can. */
  readonly models: readonly ModelId[];
  readonly capabilities: readonly string[];
  /** Whether its heartbeats have stopped. */
  readonly isStale: boolean;
  /** It asked not to be chosen. */
  readonly isDraining: boolean;
  /** Places it has left, by its job stream and by its heartbeat; 0 when its job stream is not connected. */
  readonly free: number;
  /** When it was chosen last, Unix ms; 0: never. */
  readonly chosenMs: number;
}

/** Who may be given a session for a model, the best first: most places, then longest not chosen. Whether the chain agrees is asked by the caller. */
export function ranked(
  candidates: readonly Candidate[],
  model: ModelId,
  required: readonly string[] = [],
): readonly Address[] {
  return candidates
    .filter(
      ({ models, capabilities, isStale, isDraining, free }) =>
        !isStale &&
        !isDraining &&
        free > 0 &&
        models.includes(model) &&
        required.every((capability) => capabilities.includes(capability)),
    )
    .sort((a, b) => b.free - a.free || a.chosenMs - b.chosenMs || (a.worker < b.worker ? -1 : 1))
    .map(({ worker }) => worker);
}
