import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { keccak256, stringToBytes } from "viem";
import { toJson } from "../../../schema/json.js";

/**
 * A bundle that is quick to bring somewhere and does nothing there: a real program stands in Node's place, and what else it holds is up to the test.
 * @param files further files by their path
 */
export async function makeSmallBundle(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<string> {
  await mkdir(join(folder, "wasm"), { recursive: true });
  await copyFile("/bin/true", join(folder, "node"));
  await writeFile(join(folder, "wasm/part.js"), "// in a folder of its own\n");
  for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), content);
  await writeManifest(folder);
  return folder;
}

/** Describes a bundle as it is. */
export async function writeManifest(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && entry.name !== "manifest.json")
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  const hashed = await Promise.all(
    names.map(async (name) => {
      const hash = createHash("sha256").update(await readFile(join(folder, name)));
      return [name, hash.digest("hex")] as const;
    }),
  );
  const hash = keccak256(stringToBytes(JSON.stringify(hashed)));
  const manifest = { version: 1, hash, fleet: "0.0.0", node: "v0.0.0", files: Object.fromEntries(hashed) };
  await writeFile(join(folder, "manifest.json"), toJson(manifest));
}
