import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import { visibleGpus } from "../../schema/gpus.js";
import { isExternal, type ExternalOllama, type RuntimeSection } from "../../schema/host.js";
import type { Layout } from "../layout.js";
import { openFolderToAll, openToAll } from "../services/folders.js";
import type { Confinement, Unit } from "../services/unit.js";
import { isWithin } from "../services/veils.js";
import { programIn, releaseFolder } from "./ollama-release.js";

/** The unit that runs Ollama. */
export const ollamaUnitName = "ollama";
/** A section that has us run Ollama. */
export type OwnRuntime = RuntimeSection & { readonly ollama: Exclude<RuntimeSection["ollama"], ExternalOllama> };
export const isOwn = (section: RuntimeSection): section is OwnRuntime => !isExternal(section.ollama);

/** Where the Ollama of a host answers. */
export const ollamaUrl = ({ ollama, port }: Pick<RuntimeSection, "ollama" | "port">): string =>
  isExternal(ollama) ? ollama.url.replace(/\/$/, "") : `http://127.0.0.1:${port}`;

/** Ollama's folders: its own to write. */
export const foldersOf = (layout: Layout): string[] => ["home", "models"].map((folder) => join(layout.ollama, folder));

/** What Ollama has of its own on a machine that gives it that. */
export interface ConfinedOllama {
  readonly user: string;
  /** The program, past every link, and what it loads. */
  readonly program: string;
  readonly readable: readonly string[];
  readonly memoryMaxBytes: number;
}

/** The folder of an Ollama's models. Pure. */
export const modelsOf = (layout: Layout): string => join(layout.ollama, "models");

/** Ollama as a unit: on loopback, models and home in the host's folder, no prompt in any log, nothing sent to any cloud. Pure. */
export function ollamaUnit(section: OwnRuntime, layout: Layout, version: string, confined?: ConfinedOllama): Unit {
  const { ollama } = section;
  const unit: Unit = {
    name: ollamaUnitName,
    description: "Ollama for Lightchain workers",
    command: [programOf(section, layout), "serve"],
    environment: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: join(layout.ollama, "home"),
      OLLAMA_HOST: `127.0.0.1:${section.port}`,
      OLLAMA_MODELS: modelsOf(layout),
      OLLAMA_KEEP_ALIVE: "-1",
      OLLAMA_NO_CLOUD: "1",
      OLLAMA_NOHISTORY: "1",
      ...(section.contextLength === 0 ? {} : { OLLAMA_CONTEXT_LENGTH: String(section.contextLength) }),
      ...visibleGpus(section.gpus),
    },
    folder: layout.ollama,
    log: join(layout.ollama, "ollama.log"),
    stopTimeoutMs: 10_000,
    // another archive of the same version lies at the same path
    revision: typeof ollama === "string" ? version : `${version} ${ollama.sha256}`,
    secret: null,
  };
  if (confined === undefined) return unit;
  return {
    ...unit,
    command: [confined.program, "serve"],
    user: confined.user,
    sandbox: "ollama",
    readable: [...confined.readable],
    writable: foldersOf(layout),
    memoryMaxBytes: confined.memoryMaxBytes,
    tasksMax: 4096,
  };
}

/** The program that is run. Pure. */
export const programOf = ({ ollama }: OwnRuntime, layout: Layout): string =>
  typeof ollama === "string" ? ollama : programIn(releaseFolder(layout, ollama));

/** A user of its own that GPUs are open to, and the program with its libraries, wherever they are installed. */
export async function confine(
  section: OwnRuntime,
  layout: Layout,
  confinement: Confinement | undefined,
): Promise<ConfinedOllama | undefined> {
  if (confinement === undefined) return undefined;
  const { name } = await confinement.user(ollamaUnitName, ["video", "render"]);
  const program = await realpath(programOf(section, layout));
  const libraries = join(dirname(dirname(program)), "lib", "ollama");
  const readable = [program, ...(existsSync(libraries) ? [libraries] : [])];
  if (isWithin(program, layout.root)) {
    await openToAll(program);
    if (existsSync(libraries)) await openFolderToAll(libraries);
  }
  return { user: name, program, readable, memoryMaxBytes: memoryFor(totalmem()) };
}

/** All of a machine's memory (bytes) but a tenth, in whole GiB so that a new kernel changes nothing; of less than two, all. Pure. */
export const memoryFor = (total: number): number => {
  const gib = 1024 ** 3;
  const share = Math.floor((total * 0.9) / gib) * gib;
  return share < gib ? total : share;
};
