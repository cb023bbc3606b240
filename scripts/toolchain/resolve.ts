import { systemClock } from "../../system/clock.js";
import { cacheFolder } from "../../system/cache-folder.js";
import { BuildFailed, CacheUnwritable, ToolMissing, ToolUnavailable } from "./errors.js";
import { installTool, locateTool, type Workshop } from "./install.js";
import { installKzg, locateKzg, type KzgLibrary } from "./kzg.js";
import { installLanguageHost, languageHostName, locateLanguageHost } from "./language-host-install.js";
import { tools } from "./manifest.js";
import { installMoto, locateMoto, type Moto } from "./moto.js";
import { installNode, locateNode, nodeVersion } from "./node-runtime.js";
import { thisMachine } from "./platform.js";
import { showProgress } from "./progress.js";

/** What the engine needs to run a program of ours. All paths are absolute. */
export interface EngineTools {
  /** Node 24 outside of any checkout. */
  readonly node: string;
  readonly pulumi: string;
  /** The folder that holds `pulumi-language-nodejs`. */
  readonly languageHost: { readonly folder: string };
}

/** Everything that is not an npm package. All paths are absolute. */
export interface Toolchain extends EngineTools {
  readonly geth: string;
  readonly ollama: string;
  readonly kzg: KzgLibrary;
}

/**
 * The tools as they are installed now; installs nothing and asks no network.
 * @throws {@link ToolMissing} for the first that is not there, with `npm start` as the way out
 */
export async function resolveToolchain(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Toolchain> {
  const places = placesIn(env);
  const engine = await resolveEngine(env);
  return {
    ...engine,
    geth: present(await locateTool(tools.geth, places), `geth ${tools.geth.version}`),
    ollama: present(await locateTool(tools.ollama, places), `ollama ${tools.ollama.version}`),
    kzg: await locateKzg(),
  };
}

/** The part of {@link resolveToolchain} that the engine needs. @throws {@link ToolMissing} */
export async function resolveEngine(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<EngineTools> {
  const places = placesIn(env);
  const node = present(await locateNode(places), `node ${nodeVersion}`);
  const pulumi = present(await locateTool(tools.pulumi, places), `pulumi ${tools.pulumi.version}`);
  const folder = present(await locateLanguageHost(pulumi, node, places.cache), languageHostName);
  return { node, pulumi, languageHost: { folder } };
}

/** The emulated AWS that `npm test` installed, for the tests that run on it. Sync; installs nothing. */
export const resolveMoto = (env: Readonly<Record<string, string | undefined>> = process.env): Moto | undefined =>
  locateMoto(placesIn(env));

/** Which tools a command needs. `everything` includes the rehearsal network's, `tests` an emulated AWS too. */
export type Need = "tests" | "everything" | "engine" | "kzg";

/**
 * Installs what is missing, shown with progress; does nothing and says nothing when all is there.
 * @throws {@link CacheUnwritable} and the errors of {@link installTool}
 */
export async function installToolchain(need: Need, signal: AbortSignal): Promise<void> {
  try {
    await installEach(need, { ...placesIn(process.env), clock: systemClock, progress: showProgress(), signal });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    const isUnwritable = code !== undefined && ["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR"].includes(code);
    throw isUnwritable && path !== undefined ? new CacheUnwritable(path, code, error) : error;
  }
}

async function installEach(need: Need, workshop: Workshop): Promise<void> {
  await installKzg(workshop);
  if (need === "kzg") return;
  if (need === "tests") await installMotoIfPossible(workshop);
  if (need === "tests" || need === "everything") {
    await installTool(tools.geth, workshop);
    await installTool(tools.ollama, workshop);
  }
  const node = await installNode(workshop);
  const pulumi = await installTool(tools.pulumi, workshop);
  await installLanguageHost(pulumi, node, workshop);
}

/** Its tests say that they did not run where it can't be had. */
async function installMotoIfPossible(workshop: Workshop): Promise<void> {
  try {
    await installMoto(workshop);
  } catch (error) {
    if (workshop.signal.aborted || !(error instanceof ToolUnavailable || error instanceof BuildFailed)) throw error;
    workshop.progress.warn(error.message);
  }
}

function placesIn(env: Readonly<Record<string, string | undefined>>): Pick<Workshop, "cache" | "machine"> {
  return { cache: cacheFolder(env), machine: { ...thisMachine(), env } };
}

function present<T>(found: T | undefined, name: string): T {
  if (found === undefined) throw new ToolMissing(name);
  return found;
}
