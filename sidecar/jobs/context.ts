import type { DailyCalls } from "../calls.js";
import type { JobId, ModelId, ModelName } from "../../schema/units.js";
import type { Parts } from "../parts.js";
import type { Purposes } from "../purposes.js";
import type { ModelServer } from "./model-server.js";
import type { SessionKeys } from "./session-keys.js";
import type { Slots } from "./slots.js";

/** What the stages of a job work with. */
export interface JobContext extends Parts {
  readonly models: ReadonlyMap<ModelId, ModelName>;
  readonly keys: SessionKeys;
  readonly slots: Slots;
  readonly server: ModelServer;
  readonly calls: DailyCalls;
  readonly purposes: Purposes;
  /** How long a job that is acknowledged now has until its completion, in ms, as last read; `null` before the first look. */
  readonly completionMs: () => number | null;
  /** Whether a stream of the answer goes anywhere: in dispatcher mode only its end leaves, by HTTP. */
  readonly streams: () => boolean;
  /** The session's earlier jobs as the dispatcher told them with a job; `null` where it did not. */
  readonly priorJobsTold: (job: JobId) => readonly JobId[] | null;
  /**
   * Jobs that were acknowledged, and not yet signed, when this process started, and those whose answer was recovered. A process that runs from a copy of this
   * journal has them as well, and what it would sign may differ from what we would: they are signed once the chain holds their answer.
   */
  readonly inherited: Set<JobId>;
}
