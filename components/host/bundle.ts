import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleManifestSchema } from "../../schema/bundle.js";
import { FleetError } from "../../schema/errors.js";
import type { Hash } from "../../schema/units.js";

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

const parse = (text: string): Hash => bundleManifestSchema.parse(JSON.parse(text)).hash;
