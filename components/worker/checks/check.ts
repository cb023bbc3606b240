import type { ResolvedWorker } from "../resolve.js";

/** One thing that must hold before anything is made or sent. */
export interface Check {
  /** What is looked at, for a person. */
  readonly name: string;
  /** Resolves with a line for the summary, or nothing to say. @throws FleetError when it does not hold */
  run(worker: ResolvedWorker): Promise<string | undefined>;
  /** What its line is: part of the summary (default), or a warning of its own. */
  readonly tells?: "summary" | "warning";
}
