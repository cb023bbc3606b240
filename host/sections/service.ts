import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleManifestSchema } from "../../schema/bundle.js";
import { FleetError } from "../../schema/errors.js";
import type { Report, ServiceSection } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import { ensureFolder, writeAtomically } from "../../system/files.js";
import { presentPublicKey } from "../host-key.js";
import type { Layout } from "../layout.js";
import type { SealedFile } from "../sealed-file.js";
import { removeAll } from "../root.js";
import { keptSecret, layToRest, requireUsable } from "../secret-at-rest.js";
import { makeFolders, openFolderToAll } from "../services/folders.js";
import type { Confinement, ServiceManager, SystemUser, Unit } from "../services/unit.js";

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
  const kept = await keptSecret(place);
  if (kept === undefined) throw new NothingSealed(worker);
  const name = sidecarUnitName(worker);
  const confined = await confine(worker, kept, host, layout, services.confinement);
  await ensureFolder(place.state, "private");
  if (confined !== undefined) {
    await makeFolders([place.cache]);
    await openFolderToAll(bundle);
  }
  const settings = toJson(section.settings);
  await writeAtomically(place.settings, settings, "private", confined?.user.gid);
  const revision = createHash("sha256").update(`${settings}\n${kept.address}#${kept.epoch}`).digest("hex");
  const unit = sidecarUnit({ worker, section, host, layout, revision, confined });
  const changed = await services.ensure(unit);
  const status = await services.status(name);
  return { report: status ?? { state: "stopped", pid: null, lastExit: null }, changed };
}

/** What a sidecar has of its own on a machine that gives it that. */
interface Confined {
  readonly user: SystemUser;
  /** Where its secret is found, for whom it is, and the file that it rests in; `undefined`: a parent process opens it. */
  readonly credential: { readonly path: string; readonly file: string; readonly sealKey: string } | undefined;
}

/** The sidecar's own user, and its secret on the best rung. What rests on a lower one is brought up. @throws CredentialUnusable LF1342 */
async function confine(
  worker: string,
  kept: SealedFile,
  host: string,
  layout: Layout,
  confinement: Confinement | undefined,
): Promise<Confined | undefined> {
  const place = layout.worker(worker);
  const name = sidecarUnitName(worker);
  const credentials = await confinement?.credentials();
  await requireUsable(worker, layout, place, kept, credentials);
  if (confinement === undefined) return undefined;
  const user = await confinement.user(name, []);
  if (credentials === undefined) return { user, credential: undefined };
  if (kept.credential === undefined) await layToRest(layout, place, { ...kept, host }, credentials);
  const sealKey = kept.credential?.sealKey ?? (await presentPublicKey(layout)) ?? "";
  return { user, credential: { path: credentials.pathFor(name), file: place.credential, sealKey } };
}

/** A sidecar's memory (bytes): several times what it takes with a full journal and four answers at once. */
const memoryMaxBytes = 2 * 1024 ** 3;
/** A minute without an answer: no job is acknowledged meanwhile. */
const watchdogSeconds = 60;

/** From a sidecar's SIGTERM to its SIGKILL (ms): its jobs' time, and half a minute. */
export const stopTimeoutMs = ({ settings }: ServiceSection): number => settings.jobs.shutdownMs + 30_000;

/** The sidecar as a unit. Pure. */
export function sidecarUnit(of: {
  readonly worker: string;
  readonly section: ServiceSection;
  readonly host: string;
  readonly layout: Layout;
  readonly revision: string;
  readonly confined: Confined | undefined;
}): Unit {
  const { worker, section, host, layout, revision, confined } = of;
  const bundle = layout.bundle(section.bundle);
  const place = layout.worker(worker);
  const credential = confined?.credential;
  const secrets = credential === undefined ? "fd:3" : `file:${credential.path}`;
  const unit: Unit = {
    name: sidecarUnitName(worker),
    description: `Lightchain worker ${worker}`,
    command: [join(bundle, "node"), join(bundle, "sidecar.js"), "--settings", place.settings, "--secrets", secrets],
    environment: {
      PATH: "/usr/bin:/bin",
      HOME: place.folder,
      NODE_COMPILE_CACHE: confined === undefined ? layout.compileCache : place.cache,
    },
    folder: place.folder,
    log: place.log,
    stopTimeoutMs: stopTimeoutMs(section),
    revision,
    secret: credential === undefined ? { sealed: place.sealed, hostKey: layout.hostKey, host } : null,
  };
  if (confined === undefined) return unit;
  const { hostKey } = layout;
  return {
    ...unit,
    user: confined.user.name,
    sandbox: "sidecar",
    readable: [bundle, place.settings],
    writable: [place.state, place.cache],
    ...(credential === undefined
      ? {}
      : { credential: { file: credential.file, hostKey, sealKey: credential.sealKey } }),
    memoryMaxBytes,
    tasksMax: 128,
    watchdog: { seconds: watchdogSeconds, state: place.state },
  };
}

/**
 * Stops a worker's sidecar and removes what is left of it: its settings, journal and sealed secret. A host has no view of the chain: that the
 * worker is gone from it (or given up on purpose) is for the caller to know.
 */
export async function removeService(worker: string, layout: Layout, services: ServiceManager): Promise<boolean> {
  const was = await services.remove(sidecarUnitName(worker));
  await removeAll(layout.worker(worker).folder);
  await services.confinement?.forgetUser(sidecarUnitName(worker)); // last: until then what it owned is nobody else's
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
