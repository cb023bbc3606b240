/** Exit codes that say more than "it crashed" (sysexits.h). */
export const exitCodes = { asked: 0, tryAgain: 75, misconfigured: 78 } as const;

/** What happens to a program that ended. */
export type AfterExit =
  | { readonly then: "stay-down"; readonly as: "stopped" | "refused" }
  | { readonly then: "restart"; readonly afterMs: number };

/** How long a program must have run for its earlier failures to be forgotten (ms). */
const healthyAfterMs = 60_000;
/** Pause after a first failure (ms). */
export const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

/**
 * Decides on a restart: 0 and 78 stay down, anything else comes back after a pause that doubles with each failure in a row.
 * @param failures failures in a row before this one
 */
export function afterExit(exit: {
  code: number | null;
  ranMs: number;
  failures: number;
}): AfterExit & { failures: number } {
  if (exit.code === exitCodes.asked) return { then: "stay-down", as: "stopped", failures: 0 };
  if (exit.code === exitCodes.misconfigured) return { then: "stay-down", as: "refused", failures: 0 };
  const failures = exit.ranMs >= healthyAfterMs ? 0 : exit.failures;
  return { then: "restart", afterMs: Math.min(firstPauseMs * 2 ** failures, longestPauseMs), failures: failures + 1 };
}
