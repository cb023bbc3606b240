import { createHash } from "node:crypto";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keccak256, stringToBytes } from "viem";
import { bundleManifestSchema } from "../../../schema/bundle.js";
import { toJson } from "../../../schema/json.js";

/**
 * Makes another version of a bundle.
 * @param change what becomes of its sidecar. Default: one that does the same, and is another file
 * @returns the folder
 */
export async function makeOtherBundle(
  bundle: string,
  folder: string,
  change: (sidecar: string) => string = (sidecar) => `${sidecar}\n// another version\n`,
): Promise<string> {
  await cp(bundle, folder, { recursive: true });
  const sidecar = join(folder, "sidecar.js");
  const content = await readFile(sidecar, "utf8");
  await rm(sidecar); // it may be linked to
  await writeFile(sidecar, change(content));
  const manifestFile = join(folder, "manifest.json");
  const manifest = bundleManifestSchema.parse(JSON.parse(await readFile(manifestFile, "utf8")));
  const files: Record<string, string> = {
    ...manifest.files,
    "sidecar.js": createHash("sha256")
      .update(await readFile(sidecar))
      .digest("hex"),
  };
  const lines = Object.keys(files)
    .sort()
    .map((name) => `${name} ${files[name] ?? ""}\n`);
  await writeFile(manifestFile, toJson({ ...manifest, files, hash: keccak256(stringToBytes(lines.join(""))) }));
  return folder;
}
