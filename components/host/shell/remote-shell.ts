import type { Readable } from "node:stream";
import type { ProcessResult } from "../../../system/process.js";

/** What is run on a host. */
export interface RemoteRun {
  readonly words: readonly string[];
  /** Its standard input. Default: none. */
  readonly input?: string | Readable;
  /** Ends the wait for it, and asks the server to end it, which for root's programs OpenSSH does not do. */
  readonly signal?: AbortSignal;
  /** How long a host that does not answer is waited for (ms). Default 30,000. */
  readonly waitMs?: number;
}

/** A way to run programs on a host. */
export interface RemoteShell {
  /** Runs a program there to its end, as root where the way says so. Never rejects because of an exit code. @throws HostNotReached, and what the kind of way throws */
  run(what: RemoteRun & { readonly input?: string }): Promise<RemoteResult>;
}
/** How it ended. */
export type RemoteResult = Pick<ProcessResult, "code" | "stdout" | "stderr">;

/** The same where an input may also come piece by piece, however long it is. */
export interface StreamingShell extends RemoteShell {
  run(what: RemoteRun): Promise<RemoteResult>;
}
