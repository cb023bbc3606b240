import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { Clock } from "../../system/clock.js";
import { readIfPresent, writeAtomically } from "../../system/files.js";
import { lock, tryLock } from "../../system/lock.js";

/** Everything that decides what an installed tool is. Two checkouts with the same recipe share one installation. */
export interface Recipe {
  readonly tool: string;
  readonly version: string;
  /** Whatever else the result depends on: platform, flags, sources' hashes. */
  readonly ingredients: string;
}

/** A tool in the cache. */
export interface Entry {
  readonly folder: string;
  /** How it came here, for instance `built` or `downloaded`. */
  readonly how: string;
}

/** Where an installation lies under the cache folder: `geth/1.17.0-3f2a91c0`. */
export function cacheKey(recipe: Recipe): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([recipe.tool, recipe.version, recipe.ingredients]))
    .digest("hex");
  return join(recipe.tool, `${recipe.version}-${hash.slice(0, 8)}`);
}

const manifestName = "entry.json";
const manifestSchema = z.object({
  how: z.string(),
  files: z.array(z.object({ path: z.string(), sha256: z.string(), size: z.number(), mtimeMs: z.number() })),
});
type Manifest = z.infer<typeof manifestSchema>;

/**
 * The installation of this recipe, when it is complete and unchanged. Files whose size or time differ from the manifest's are read whole;
 * a file with other content means that the entry counts as missing.
 */
export async function findEntry(cache: string, recipe: Recipe): Promise<Entry | undefined> {
  const folder = join(cache, cacheKey(recipe));
  const manifest = await readManifest(folder);
  if (manifest === undefined) return undefined;
  const files: Manifest["files"] = [];
  for (const file of manifest.files) {
    const found = await stat(join(folder, file.path)).catch(() => undefined);
    if (found?.size !== file.size) return undefined;
    if (found.mtimeMs !== file.mtimeMs && (await sha256Of(join(folder, file.path))) !== file.sha256) return undefined;
    files.push({ ...file, mtimeMs: found.mtimeMs });
  }
  // a copied cache has new times: read it whole once, not each time
  if (files.some((file, index) => file.mtimeMs !== manifest.files[index]?.mtimeMs))
    await writeManifest(folder, { ...manifest, files });
  return { folder, how: manifest.how };
}

/** Whether an installation was completed there. Says nothing of its files as they are now. */
export const isComplete = (folder: string): boolean => existsSync(join(folder, manifestName));

/**
 * The installation of this recipe, made now when it is not there. One process at a time makes it, others wait and share. It is made in a
 * temporary folder and renamed when complete; what an interrupted one left behind is removed by the next.
 *
 * @param produce fills the folder and says how it got it; its error goes to the caller and leaves nothing behind
 */
export async function ensureEntry(options: {
  cache: string;
  recipe: Recipe;
  clock: Clock;
  produce: (folder: string) => Promise<string>;
  onWaiting: () => void;
}): Promise<Entry> {
  const { cache, recipe } = options;
  const found = await findEntry(cache, recipe);
  if (found) return found;

  const parent = join(cache, recipe.tool);
  await mkdir(parent, { recursive: true });
  const held = await holdLock(join(parent, ".lock"), options);
  try {
    const made = await findEntry(cache, recipe);
    if (made) return made;
    for (const name of await readdir(parent)) {
      if (name.startsWith(temporaryPrefix)) await rm(join(parent, name), { recursive: true, force: true });
    }
    const temporary = await mkdtemp(join(parent, temporaryPrefix));
    try {
      const how = await options.produce(temporary);
      await writeManifest(temporary, { how, files: await describeFiles(temporary) });
      const folder = join(cache, cacheKey(recipe));
      if (existsSync(folder)) await rename(folder, join(parent, `${temporaryPrefix}spoilt-${process.pid}`));
      await rename(temporary, folder);
      return { folder, how };
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  } finally {
    held.release();
  }
}

const temporaryPrefix = ".making-";
/** Longer than the longest build on a slow machine. */
const longestInstallMs = 2 * 60 * 60 * 1000;

async function holdLock(path: string, options: { clock: Clock; onWaiting: () => void }): Promise<{ release(): void }> {
  const atOnce = tryLock(path);
  if (atOnce) return atOnce;
  options.onWaiting();
  const held = await lock(path, longestInstallMs, options.clock);
  if (!held) throw new Error(`${path} stayed locked for ${longestInstallMs / 3_600_000} h`);
  return held;
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  const text = await readIfPresent(join(folder, manifestName));
  if (text === undefined) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // spoilt: made anew
  }
}

const writeManifest = (folder: string, manifest: Manifest): Promise<void> =>
  writeAtomically(join(folder, manifestName), JSON.stringify(manifest, undefined, 1), "public");

async function describeFiles(folder: string): Promise<Manifest["files"]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: Manifest["files"] = [];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size, mtimeMs } = await stat(path);
    files.push({ path: relative(folder, path), sha256: await sha256Of(path), size, mtimeMs });
  }
  return files;
}

/** SHA-256 of a file's content, hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
