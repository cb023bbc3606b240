import { lstatSync } from "node:fs";
import { join } from "node:path";
import { sidecarLockName } from "../system/control-client.js";
import { tryLock, type HeldLock } from "../system/lock.js";

/**
 * Takes a sidecar's own lock on its state folder, so that none starts there meanwhile. Where no sidecar has ever come so far there is nothing to take, and nobody to
 * be kept out.
 * @returns `another's` when a process holds it
 */
export function holdState(state: string): HeldLock | "another's" {
  const file = join(state, sidecarLockName);
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return { release: () => undefined };
  if (!found.isFile()) return "another's"; // the folder is the sidecar's own: root must not follow what it put there
  return tryLock(file) ?? "another's";
}
