import type { Clock } from "../../system/clock.js";
import { concerns, delayOf, whileHanging, type Faults } from "../faults.js";

/** What becomes of a frame on a WebSocket: passed on, lost without a word, or the connection is cut and it with it. */
export type FrameFate = "pass" | "lose" | "cut";

/** The request method under which faults match a single frame on an open WebSocket, with the path it was opened on. */
export const FRAME_METHOD = "FRAME";

/** Lets a frame suffer the oldest fault that concerns it; waits where that delays or hangs. Without one it passes at once. */
export async function fateOfFrame(
  faults: Faults,
  part: "gateway" | "relay",
  path: string,
  clock: Clock,
  gone: AbortSignal,
): Promise<FrameFate> {
  const active = faults.strike(part, (fault) => concerns(fault, { method: FRAME_METHOD, path }));
  if (!active) return "pass";
  switch (active.fault.kind) {
    case "drop":
    case "status":
      return "cut";
    case "withhold":
      return "lose";
    case "delay":
      await clock.sleep(delayOf(active.fault), gone);
      return "pass";
    case "hang":
      await whileHanging(active.over, gone);
      return "pass";
  }
}
