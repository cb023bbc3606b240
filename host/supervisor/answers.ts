import type { Clock } from "../../system/clock.js";
import { callControl } from "../../system/control-client.js";

/** What a look at a sidecar ends with when nothing answers (sysexits.h, EX_SOFTWARE). */
export const silentExit = 70;

/** Whether a sidecar answers on its control socket at any moment within the time. One that is only starting has all of it. */
export async function answersWithin(state: string, withinMs: number, clock: Clock): Promise<boolean> {
  for (const end = clock.now() + withinMs; clock.now() < end; await clock.sleep(500)) {
    const answered = await callControl(state, { op: "status" }, end - clock.now()).then(
      () => true,
      () => false,
    );
    if (answered) return true;
  }
  return false;
}
