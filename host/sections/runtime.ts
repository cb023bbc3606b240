import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import { FleetError } from "../../schema/errors.js";
import type { Report, RuntimeSection } from "../../schema/host.js";
import type { Clock } from "../../system/clock.js";
import { isPortTaken } from "../../system/net.js";
import { compareVersions } from "../../system/versions.js";
import type { Layout } from "../layout.js";
import { makeFolders, openFolderToAll, openToAll } from "../services/folders.js";
import type { Confinement, ServiceManager, Unit } from "../services/unit.js";
import { isWithin } from "../services/veils.js";
import { listensOn } from "./listener.js";
import { ensureRelease, forgetOtherReleases, programIn, releaseFolder } from "./ollama-release.js";
import { askVersion } from "./ollama-version.js";

/** LF1301: there is no Ollama where it was said to be. */
export class OllamaMissing extends FleetError {
  constructor(path: string, cause: unknown) {
    super("LF1301", `There is no Ollama at ${path} on this host.`, {
      fix: "install it (https://ollama.com/download) or correct its path.",
      cause,
    });
  }
}
/** LF1302: Ollama is too old. */
export class OllamaTooOld extends FleetError {
  constructor(path: string, version: string, minimum: string) {
    super("LF1302", `Ollama at ${path} is version ${version}, but ${minimum} or newer is needed.`, {
      fix: "install a newer one (https://ollama.com/download).",
    });
  }
}
/** LF1303: somebody else listens where our Ollama is to answer. */
export class OllamaPortTaken extends FleetError {
  constructor(port: number) {
    super("LF1303", `Port ${port} on 127.0.0.1 is taken by another program on this host.`, {
      fix: "set ollamaPort to a free port.",
    });
  }
}
/** LF1307: Ollama was started and does not answer. */
export class OllamaSilent extends FleetError {
  /** @param how what its service says of it */
  constructor(
    url: string,
    readonly log: string,
    how: string,
  ) {
    super("LF1307", `Ollama was started but does not answer at ${url}: ${how}.`, {
      fix: `tail ${log}; mend what it says, then run the same command again.`,
    });
  }
}

/** LF1356: an Ollama that was to take over did not answer; the one before runs again, and what serves goes on serving. */
export class FormerOllamaBack extends FleetError {
  constructor(silent: OllamaSilent) {
    super("LF1356", `${silent.summary} The Ollama before it runs again.`, {
      fix: `tail ${silent.log}; mend what it says or choose another ollama, then run the same command again.`,
      cause: silent,
    });
  }
}

/** The unit that runs Ollama. */
export const ollamaUnitName = "ollama";
/** Where our Ollama listens. */
export const ollamaUrl = (section: Pick<RuntimeSection, "port">): string => `http://127.0.0.1:${section.port}`;

/** Ollama's folders: its own to write. */
const foldersOf = (layout: Layout): string[] => ["home", "models"].map((folder) => join(layout.ollama, folder));

/** What Ollama has of its own on a machine that gives it that. */
export interface ConfinedOllama {
  readonly user: string;
  /** The program, past every link, and what it loads. */
  readonly program: string;
  readonly readable: readonly string[];
  readonly memoryMaxBytes: number;
}

/** Ollama as a unit: on loopback, models and home in the host's folder, no prompt in any log, nothing sent to any cloud. Pure. */
export function ollamaUnit(section: RuntimeSection, layout: Layout, version: string, confined?: ConfinedOllama): Unit {
  const { ollama } = section;
  const unit: Unit = {
    name: ollamaUnitName,
    description: "Ollama for Lightchain workers",
    command: [programOf(section, layout), "serve"],
    environment: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: join(layout.ollama, "home"),
      OLLAMA_HOST: `127.0.0.1:${section.port}`,
      OLLAMA_MODELS: join(layout.ollama, "models"),
      OLLAMA_KEEP_ALIVE: "-1",
      OLLAMA_NO_CLOUD: "1",
      OLLAMA_NOHISTORY: "1",
      ...(section.contextLength === 0 ? {} : { OLLAMA_CONTEXT_LENGTH: String(section.contextLength) }),
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

const programOf = ({ ollama }: RuntimeSection, layout: Layout): string =>
  typeof ollama === "string" ? ollama : programIn(releaseFolder(layout, ollama));

/** A user of its own that GPUs are open to, and the program with its libraries, wherever they are installed. */
async function confine(
  section: RuntimeSection,
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

/** Makes Ollama run as the section says. A release that is not needed any more goes once the new one answers. @throws OllamaMissing, OllamaTooOld, OllamaPortTaken, OllamaSilent */
export async function ensureRuntime(
  section: RuntimeSection,
  layout: Layout,
  services: ServiceManager,
  clock: Clock,
): Promise<{ report: NonNullable<Report["runtime"]>; changes: string[] }> {
  const pinned = typeof section.ollama === "string" ? undefined : section.ollama;
  const brought = pinned !== undefined && (await ensureRelease(pinned, layout));
  const version = await versionOf(programOf(section, layout), section.minimumVersion);
  if ((await isPortTaken(section.port)) && !(await isOurs(section.port, services)))
    throw new OllamaPortTaken(section.port);
  await makeFolders(foldersOf(layout));
  const unit = ollamaUnit(section, layout, version, await confine(section, layout, services.confinement));
  const started = await services.ensure(unit);
  await waitUntilAnswers(section, unit.log, services, clock);
  const removed = await forgetOtherReleases(layout, pinned);
  const status = await services.status(ollamaUnitName);
  const changes = [
    ...(brought ? [`downloaded Ollama ${version}`] : []),
    ...(started ? [`started Ollama ${version}`] : []),
    ...removed,
  ];
  return { report: { version, url: ollamaUrl(section), pid: status?.pid ?? null }, changes };
}

/** Whether it is the Ollama that we started who listens there, and not one that the user runs. */
async function isOurs(port: number, services: ServiceManager): Promise<boolean> {
  const status = await services.status(ollamaUnitName);
  return (
    status !== undefined && status.pid !== null && ((await listensOn(status.pid, port)) ?? status.state === "running")
  );
}

async function versionOf(program: string, minimum: string): Promise<string> {
  const version = await askVersion(program).catch((error: unknown) => {
    throw new OllamaMissing(program, error);
  });
  if (version === undefined) throw new OllamaMissing(program, undefined);
  if (compareVersions(version, minimum) < 0) throw new OllamaTooOld(program, version, minimum);
  return version;
}

/** Longest that Ollama may take to answer (ms). */
const startMs = 30_000;
/** One that is between two starts by then has failed at least twice (ms): it will not come up by itself soon. */
const failingMs = 4_000;

async function waitUntilAnswers(
  section: RuntimeSection,
  log: string,
  services: ServiceManager,
  clock: Clock,
): Promise<void> {
  for (const begun = clock.now(); ;) {
    const answered = await fetch(`${ollamaUrl(section)}/api/version`, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => answer.ok,
      () => false,
    );
    if (answered && (await isOurs(section.port, services))) return;
    const waitedMs = clock.now() - begun;
    const status = waitedMs >= failingMs ? await services.status(ollamaUnitName) : undefined;
    if (waitedMs >= startMs || status?.state === "backing-off") {
      if ((await isPortTaken(section.port)) && !(await isOurs(section.port, services)))
        throw new OllamaPortTaken(section.port);
      const how =
        status?.state === "backing-off"
          ? `it ends again and again, last with exit code ${status.lastExit ?? "none"}`
          : `not within ${startMs / 1_000} s`;
      throw new OllamaSilent(ollamaUrl(section), log, how);
    }
    await clock.sleep(50);
  }
}
