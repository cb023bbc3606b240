import { cp, link, mkdir, readdir, rename, rm, rmdir, stat, utimes } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { FleetError } from "../../../schema/errors.js";
import type { ControlReply } from "../../../schema/control.js";
import { hostVerbs, workerStateFolder, type HostVerb } from "../../../schema/host.js";
import { callControl } from "../../../system/control-client.js";
import { DiskFull, isDiskFull } from "../../../system/disk.js";
import { ensureFolder, isErrno } from "../../../system/files.js";
import { runProcess } from "../../../system/process.js";
import type { HostReference } from "../../worker-reference.js";
import { BundleMissing, readBundleHash } from "../bundle.js";
import type { Host } from "../host.js";
import { askProgram } from "../host-program.js";

/** LF1521: the folder that stands for a local host cannot be written. */
export class HostFolderUnwritable extends FleetError {
  constructor(folder: string, cause: unknown) {
    super("LF1521", `The host's folder ${folder} cannot be written.`, {
      fix: `choose another hostRoot, or: sudo chown -R "$USER" ${folder}`,
      cause,
    });
  }
}
/** The machine this runs on: the host program is a child process, a bundle is a folder that is linked into place. */
export function openLocalHost(reference: HostReference): Host {
  const bundles = join(reference.root, "bundles");
  return {
    reference,
    put: async (source) => {
      const hash = await readBundleHash(source);
      const target = join(bundles, hash);
      if (await exists(join(target, "manifest.json"))) {
        const now = new Date();
        await utimes(target, now, now).catch(() => undefined); // the one that was put last answers; a disk that takes nothing is for that one to tell
        return hash;
      }
      const temporary = join(bundles, `.${randomBytes(6).toString("hex")}`);
      try {
        await ensureFolder(reference.root, "private");
        await ensureFolder(bundles, "private");
        await copyFolder(source, temporary);
        await rename(temporary, target);
      } catch (error) {
        await rm(temporary, { recursive: true, force: true });
        if (await exists(join(target, "manifest.json"))) return hash; // somebody else was faster with the same bundle
        await rmdir(bundles).catch(() => undefined); // unless it holds something: nothing of ours is on this host then
        if (isDiskFull(error)) throw new DiskFull(reference.root, error, "the bundle could not be brought there");
        throw new HostFolderUnwritable(reference.root, error);
      }
      return hash;
    },
    call: async (verb, request) => {
      const direct = await directly(reference.root, verb, request);
      if (direct !== undefined) return hostVerbs[verb].reply.parse(direct) as never;
      const bundle = await newestBundle(bundles);
      if (bundle === undefined) throw new BundleMissing(bundles, undefined);
      return askProgram(reference, verb, request, (input) =>
        runProcess(join(bundle, "node"), [join(bundle, "host.js"), verb], { input, env: inherited() }).catch(
          (error: unknown) => {
            throw isErrno(error, "ENOENT") ? new BundleMissing(bundles, error) : error; // taken away just now
          },
        ),
      );
    },
    answers: (url) =>
      fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
        ({ ok }) => ok,
        () => false,
      ),
    // A folder that the user had before keeps what is the user's.
    present: (bundle) => exists(bundle === undefined ? bundles : join(bundles, bundle)),
  };
}

/**
 * What a sidecar of this machine says by its socket: the host program, a process of its own, would do no more than ask there. Called on every `up`, hence cheap.
 * @returns `undefined` for any other verb, and for a silent sidecar: the host program knows why it is silent
 */
async function directly(root: string, verb: HostVerb, request: unknown): Promise<ControlReply | undefined> {
  if (verb !== "control") return undefined;
  const asked = controlAsked.parse(request);
  return callControl(workerStateFolder(root, asked.worker), asked.request).catch(() => undefined);
}
const controlAsked = hostVerbs.control.request.omit({ root: true });

/** The bundle that was put last, for the first time or again; any version of the host program understands the verbs. */
async function newestBundle(bundles: string): Promise<string | undefined> {
  let names: string[];
  try {
    names = (await readdir(bundles)).filter((name) => name.startsWith("0x"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  const dated = await Promise.all(
    names.map(async (name) => ({ path: join(bundles, name), at: (await stat(join(bundles, name))).mtimeMs })),
  );
  return dated.sort((a, b) => b.at - a.at)[0]?.path;
}

async function copyFolder(source: string, target: string): Promise<void> {
  await mkdir(target, { mode: 0o700 });
  for (const path of await readdir(source, { recursive: true, withFileTypes: true })) {
    const to = join(target, join(path.parentPath, path.name).slice(source.length + 1));
    if (path.isDirectory()) await mkdir(to, { recursive: true });
    else await linkOrCopy(join(path.parentPath, path.name), to);
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => cp(from, to)); // another file system: copy
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** A host program needs no secret and inherits none. */
const inherited = (): Record<string, string> =>
  Object.fromEntries(
    ["PATH", "HOME", "LANG", "XDG_RUNTIME_DIR"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
