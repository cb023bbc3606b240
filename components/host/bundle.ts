import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleManifestSchema, type BundleManifest, type BundlePlatform } from "../../schema/bundle.js";
import { FleetError } from "../../schema/errors.js";
import type { Hash } from "../../schema/units.js";
import { compiled } from "../../system/package-root.js";

/** LF1520: a bundle that was meant to be brought to a host is not there. */
export class BundleMissing extends FleetError {
  constructor(folder: string, cause: unknown) {
    super("LF1520", `There is no worker bundle in ${folder}.`, { fix: "npm run bundle", cause });
  }
}

/** The hash that names a bundle folder's content. @throws BundleMissing */
export function bundleHash(folder: string): Hash {
  try {
    return parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  } catch (error) {
    throw new BundleMissing(folder, error);
  }
}

/** As {@link bundleHash}, without blocking. */
export async function readBundleHash(folder: string): Promise<Hash> {
  try {
    return parse(await readFile(join(folder, "manifest.json"), "utf8"));
  } catch (error) {
    throw new BundleMissing(folder, error);
  }
}

/** The kind of machine that a bundle folder is for; `null`: it does not say. @throws BundleMissing */
export function bundlePlatform(folder: string): BundleManifest["platform"] {
  try {
    return bundleManifestSchema.parse(JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"))).platform;
  } catch (error) {
    throw new BundleMissing(folder, error);
  }
}

const parse = (text: string): Hash => bundleManifestSchema.parse(JSON.parse(text)).hash;

/** A bundle as one file, for a kind of machine. */
export interface BundleArchive {
  /** A `.tar.gz`. */
  readonly path: string;
  /** The bundle's name; the archive holds what its manifest lists, and the manifest. */
  readonly hash: Hash;
}

/** Where an archive lies, and beside it a copy of its manifest. */
export const archivePaths = (platform: BundlePlatform, folder: string): { archive: string; manifest: string } => ({
  archive: join(folder, `bundle-${platform}.tar.gz`),
  manifest: join(folder, `bundle-${platform}.json`),
});

/** The bundle for a kind of machine, as `npm run bundle` made it. @param folder default: where this package has them @throws BundleMissing */
export async function archiveOf(platform: BundlePlatform, folder = compiled("")): Promise<BundleArchive> {
  const { archive: path, manifest } = archivePaths(platform, folder);
  try {
    return { path, hash: parse(await readFile(manifest, "utf8")) };
  } catch (error) {
    throw new BundleMissing(path, error);
  }
}
