import { existsSync } from "node:fs";
import type { Layout } from "./layout.js";
import { forgetSecret } from "./secret-at-rest.js";
import { sidecarUnitName } from "./sections/service.js";
import type { ServiceManager } from "./services/unit.js";
import { holdState } from "./state-hold.js";

/** Whether a worker's sidecar is certainly not running, and how that is known. */
export interface Death {
  readonly dead: boolean;
  readonly how: string;
}

/**
 * Whether a worker's sidecar is certainly not running here and nothing will start it: its service is unknown or stopped, and nobody holds its state folder. When in
 * doubt, it lives.
 * @param retire of a dead one, take its unit and its sealed secret away as well, so that neither a restart of this machine nor anybody's mistake brings it
 * back under its former epoch. Its journal stays
 */
export async function proofOfDeath(
  worker: string,
  layout: Layout,
  services: ServiceManager,
  retire: boolean,
): Promise<Death> {
  const unit = sidecarUnitName(worker);
  const status = await services.status(unit);
  if (status !== undefined && status.state !== "stopped" && status.state !== "refused")
    return { dead: false, how: `its service is ${status.state}` };
  const { state } = layout.worker(worker);
  if (isHeld(state)) return { dead: false, how: "a process still holds its state folder" };
  if (retire) {
    await forgetSecret(layout.worker(worker));
    if (status !== undefined) await services.remove(unit);
    // Whoever was started in between has read the secret already, and holds the lock by now or finds no journal.
    if (isHeld(state)) return { dead: false, how: "a process holds its state folder again" };
  }
  if (!existsSync(state)) return { dead: true, how: "no service and no journal of it is on this host" };
  return { dead: true, how: "its service is stopped and nobody holds its state folder" };
}

function isHeld(state: string): boolean {
  const held = holdState(state);
  if (held === "another's") return true;
  held.release();
  return false;
}
