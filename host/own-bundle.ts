import { readFile, readlink, readdir, rm, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bundleManifestSchema } from "../schema/bundle.js";
import { ensureFolder, isErrno } from "../system/files.js";
import type { Layout } from "./layout.js";
import { openRoot } from "./root.js";

/**
 * A bundle that nobody brings to the host, because it came with the machine (a container's image), takes its place among the host's bundles as a link while it serves.
 * Links by which the image's former bundles were called lead to this one, so that what runs under such a name still starts; they go once nothing runs under them.
 * @param own folder of the bundle that runs this
 * @param wanted hash of the bundle that is to serve; another one than `own` has been brought
 * @param work makes it serve
 */
export async function withOwnBundle<T>(
  layout: Layout,
  own: string,
  wanted: string,
  work: () => Promise<T>,
): Promise<T> {
  const place = layout.bundle(wanted);
  if ((await bundleHashOf(own)) !== wanted || ((await isThere(place)) && !(await leadsTo(place, own)))) return work();
  await openRoot(layout);
  await ensureFolder(dirname(place), "private");
  await symlink(own, place).catch((error: unknown) => {
    if (!isErrno(error, "EEXIST")) throw error;
  });
  const result = await work();
  for (const name of await readdir(dirname(place))) {
    const other = join(dirname(place), name);
    if (other !== place && (await leadsTo(other, own))) await rm(other);
  }
  return result;
}

/** Hash of the bundle in a folder by its own account; `undefined` where there is none. */
export async function bundleHashOf(folder: string): Promise<string | undefined> {
  try {
    return bundleManifestSchema.parse(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"))).hash;
  } catch {
    return undefined; // a program that runs from no bundle
  }
}

/** Whether a bundle is here as itself. A name that leads to what came with the machine after it is none: what it would start is the other one. */
export const isKept = async (layout: Layout, hash: string): Promise<boolean> =>
  (await bundleHashOf(layout.bundle(hash))) === hash;

const leadsTo = (link: string, folder: string): Promise<boolean> =>
  readlink(link).then(
    (target) => target === folder,
    () => false,
  );

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
