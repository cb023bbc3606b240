import {
  constants,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageRoot } from "../../system/package-root.js";
import { readIfPresent } from "../../system/files.js";
import { runProcess } from "../../system/process.js";
import { ensureEntry, findEntry, type Entry, type Recipe } from "./cache.js";
import type { Workshop } from "./install.js";
import { onPath, type Machine } from "./platform.js";

/** Which KZG library a checkout has: the native one, or WebAssembly, which is about eight times slower. */
export type KzgLibrary = "native" | "wasm";

const packageFolder = (): string => join(packageRoot(), "node_modules", "c-kzg");
const addon = (): string => join(packageFolder(), "build", "Release", "kzg.node");
const addonName = "kzg.node";

/** Which library this checkout has now. */
export async function locateKzg(): Promise<KzgLibrary> {
  return (await stat(addon()).catch(() => undefined)) ? "native" : "wasm";
}

/**
 * Puts the native library into this checkout, from the cache or built now (about 10 s). What it can't do is no error: everything works with
 * WebAssembly too, and a warning says what to install for speed.
 */
export async function installKzg(workshop: Workshop): Promise<KzgLibrary> {
  if (!(await stat(packageFolder()).catch(() => undefined))) return "wasm";
  const recipe = await recipeOf(workshop.machine);
  const entry = (await findEntry(workshop.cache, recipe)) ?? (await build(recipe, workshop));
  if (!entry) return "wasm";
  await placeAddon(join(entry.folder, addonName));
  return "native";
}

async function build(recipe: Recipe, workshop: Workshop): Promise<Entry | undefined> {
  const { cache, machine, progress } = workshop;
  const missing = ["python3", "make", "g++"].filter((name) => onPath(name, machine).length === 0);
  if (missing.length > 0) {
    const list = missing.join(", ");
    progress.warn(
      `KZG runs in WebAssembly, about 8 times slower: ${list} missing. Next, for speed: apt-get install ${list}`,
    );
    return undefined;
  }
  const log = join(cache, "logs", "c-kzg-build.log");
  const failedBefore = join(cache, "logs", `c-kzg-${recipe.version}.failed`);
  const attempt = JSON.stringify([
    recipe.ingredients,
    ["python3", "make", "g++"].map((name) => onPath(name, machine)[0]),
  ]);
  if ((await readIfPresent(failedBefore)) === attempt) {
    progress.warn(
      `KZG runs in WebAssembly, about 8 times slower: its build failed (${log}). Next, to try again: rm ${failedBefore}`,
    );
    return undefined;
  }
  const step = progress.start({
    what: `c-kzg ${recipe.version}`,
    why: "proofs for blobs, at native speed",
    how: "building, about 10 s",
  });
  try {
    const entry = await ensureEntry({
      cache,
      recipe,
      clock: workshop.clock,
      onWaiting: () => step.now("another setup is at it, waiting"),
      produce: (folder) => buildAddon(folder, log, workshop),
    });
    step.done("built in");
    return entry;
  } catch (error) {
    step.failed();
    if (workshop.signal.aborted) throw error;
    await mkdir(dirname(failedBefore), { recursive: true });
    await writeFile(failedBefore, attempt);
    progress.warn(`KZG runs in WebAssembly, about 8 times slower: its build failed, see ${log}`);
    return undefined;
  }
}

/** In a copy, so that an interrupted build leaves the installed package as it was; inside node_modules, where its own packages are found. */
async function buildAddon(folder: string, log: string, { machine, signal }: Workshop): Promise<string> {
  const root = packageRoot();
  const scratch = join(root, "node_modules", ".cache");
  await mkdir(scratch, { recursive: true });
  const copy = await mkdtemp(join(scratch, "c-kzg-"));
  try {
    await cp(packageFolder(), copy, { recursive: true });
    const gyp = join(root, "node_modules", "node-gyp", "bin", "node-gyp.js");
    // the headers that came with Node 24's package: asking the network for them is what makes the package's own script fail
    const headers = join(root, "node_modules", "node", "node_modules", nodePackage());
    const env = Object.fromEntries(
      Object.entries(machine.env).flatMap(([name, value]) =>
        value === undefined || name.toLowerCase().startsWith("npm_config_") ? [] : [[name, value] as const],
      ),
    );
    const node = join(root, "node_modules", "node", "bin", "node");
    const result = await runProcess(node, [gyp, "rebuild", `--nodedir=${headers}`], { cwd: copy, env, signal });
    await mkdir(dirname(log), { recursive: true });
    await writeFile(log, result.stdout + result.stderr);
    if (result.code !== 0) throw new Error(`node-gyp ended with ${result.code}`);
    await copyFile(join(copy, "build", "Release", addonName), join(folder, addonName));
    return "built";
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Size and time say whether it is there already; written beside and renamed, since another process may have it loaded. */
async function placeAddon(source: string): Promise<void> {
  const [wanted, there] = [await stat(source), await stat(addon()).catch(() => undefined)];
  if (there?.size === wanted.size && Math.trunc(there.mtimeMs) === Math.trunc(wanted.mtimeMs)) return;
  await mkdir(dirname(addon()), { recursive: true });
  const temporary = `${addon()}.${process.pid}`;
  await copyFile(source, temporary, constants.COPYFILE_FICLONE);
  await utimes(temporary, wanted.atime, wanted.mtime);
  await rename(temporary, addon());
}

async function recipeOf(machine: Machine): Promise<Recipe> {
  const { version } = JSON.parse(await readFile(join(packageFolder(), "package.json"), "utf8")) as { version: string };
  return { tool: "c-kzg", version, ingredients: JSON.stringify([machine.platform, process.versions.modules]) };
}

const nodePackage = (): string =>
  `${process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node"}-${process.platform}-${process.arch}`;
