import { FleetError } from "../../schema/errors.js";
import type { ExitCode } from "../../system/exit.js";
import { StartRefused } from "./refusals.js";

/**
 * Failures of a start that starting again cannot mend: another chain or other contracts than configured, a journal of another worker or a damaged one, no
 * library for blobs, a socket path that is too long.
 */
const misconfigured = ["LF1210", "LF1211", "LF1402", "LF1403", "LF1411", "LF1426"];

/** What the supervisor is told when a start fails: 78 not to try again, 75 to try again, 1 for what nobody foresaw. */
export function exitCodeFor(error: unknown): Exclude<ExitCode, 0> {
  if (error instanceof StartRefused) return error.exit;
  if (error instanceof FleetError) return misconfigured.includes(error.code) ? 78 : 75;
  return 1;
}
