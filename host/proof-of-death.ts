import { existsSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../system/lock.js";
import type { Layout } from "./layout.js";
import { sidecarUnitName } from "./sections/service.js";
import type { ServiceManager } from "./services/unit.js";

/**
 * Whether a worker's sidecar is certainly not running here and nothing will start it: its service is unknown or stopped, and nobody holds its
 * journal. When in doubt, it lives.
 */
export async function proofOfDeath(
  worker: string,
  layout: Layout,
  services: ServiceManager,
): Promise<{ dead: boolean; how: string }> {
  const status = await services.status(sidecarUnitName(worker));
  if (status !== undefined && status.state !== "stopped" && status.state !== "refused")
    return { dead: false, how: `its service is ${status.state}` };
  const { state } = layout.worker(worker);
  if (!existsSync(state)) return { dead: true, how: "no service and no journal of it is on this host" };
  const held = tryLock(join(state, "journal.lock"));
  if (held === undefined) return { dead: false, how: "a process still holds its journal" };
  held.release();
  return { dead: true, how: "its service is stopped and nobody holds its journal" };
}
