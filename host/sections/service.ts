import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { bundleManifestSchema } from "../../schema/bundle.js";
import { FleetError } from "../../schema/errors.js";
import type { Report, ServiceSection } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import { ensureFolder, readIfPresent, writeAtomically } from "../../system/files.js";
import type { Layout } from "../layout.js";
import { sealedFileSchema } from "../sealed-file.js";
import type { ServiceManager, Unit } from "../services/unit.js";

/** LF1306: the bundle to run is not on the host, or not whole. */
export class BundleDamaged extends FleetError {
  constructor(hash: string, what: string, cause?: unknown) {
    super("LF1306", `Bundle ${hash.slice(0, 14)}… on this host is not whole: ${what}.`, {
      fix: "npm run bundle, then pulumi up again.",
      cause,
    });
  }
}
/** LF1309: a sidecar was to start that has no secret yet. */
export class NothingSealed extends FleetError {
  constructor(worker: string) {
    super("LF1309", `No key has been sealed to this host for worker ${worker}.`, { fix: "pulumi up again." });
  }
}

/** The unit that runs a worker's sidecar. */
export const sidecarUnitName = (worker: string): string => `worker-${worker}`;

/** Makes a worker's sidecar run from its bundle with its settings, under its present secret. */
export async function ensureService(
  worker: string,
  section: ServiceSection,
  host: string,
  layout: Layout,
  services: ServiceManager,
): Promise<{ report: NonNullable<Report["service"]>; changed: boolean }> {
  const bundle = layout.bundle(section.bundle);
  await verifyBundle(bundle, section.bundle);
  const place = layout.worker(worker);
  const sealed = await readIfPresent(place.sealed);
  if (sealed === undefined) throw new NothingSealed(worker);
  await ensureFolder(place.state, "private");
  const settings = toJson(section.settings);
  await writeAtomically(place.settings, settings, "private");
  const { epoch, address } = sealedFileSchema.parse(JSON.parse(sealed));
  const unit: Unit = {
    name: sidecarUnitName(worker),
    description: `Lightchain worker ${worker}`,
    command: [join(bundle, "node"), join(bundle, "sidecar.js"), "--settings", place.settings, "--secrets", "fd:3"],
    environment: { PATH: "/usr/bin:/bin", HOME: place.folder, NODE_COMPILE_CACHE: layout.compileCache },
    folder: place.folder,
    log: place.log,
    stopTimeoutMs: section.settings.jobs.shutdownMs + 30_000,
    revision: createHash("sha256").update(`${settings}\n${address}#${epoch}`).digest("hex"),
    secret: { sealed: place.sealed, hostKey: layout.hostKey, host },
  };
  const changed = await services.ensure(unit);
  const status = await services.status(unit.name);
  return { report: status ?? { state: "stopped", pid: null, lastExit: null }, changed };
}

/**
 * Stops a worker's sidecar and removes what is left of it: its settings, journal and sealed secret. A host has no view of the chain: that the
 * worker is gone from it (or given up on purpose) is for the caller to know.
 */
export async function removeService(worker: string, layout: Layout, services: ServiceManager): Promise<boolean> {
  const was = await services.remove(sidecarUnitName(worker));
  await rm(layout.worker(worker).folder, { recursive: true, force: true });
  return was;
}

async function verifyBundle(folder: string, hash: string): Promise<void> {
  let manifest;
  try {
    manifest = bundleManifestSchema.parse(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")));
  } catch (error) {
    throw new BundleDamaged(hash, "its manifest cannot be read", error);
  }
  if (manifest.hash !== hash) throw new BundleDamaged(hash, `its manifest names ${manifest.hash}`);
  for (const [path, expected] of Object.entries(manifest.files)) {
    const content = await readFile(join(folder, path)).catch(() => undefined);
    if (content === undefined) throw new BundleDamaged(hash, `${path} is missing`);
    if (createHash("sha256").update(content).digest("hex") !== expected)
      throw new BundleDamaged(hash, `${path} was changed`);
  }
}
