import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { FleetError } from "../../schema/errors.js";
import type { Report, RuntimeSection } from "../../schema/host.js";
import type { Clock } from "../../system/clock.js";
import { isPortTaken } from "../../system/net.js";
import { runProcess } from "../../system/process.js";
import type { Layout } from "../layout.js";
import type { ServiceManager, Unit } from "../services/unit.js";
import { externalVersion } from "./external-ollama.js";
import { listensOn } from "./listener.js";

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
  constructor(url: string, log: string, how: string) {
    super("LF1307", `Ollama was started but does not answer at ${url}: ${how}.`, {
      fix: `tail ${log}; mend what it says, then run the same command again.`,
    });
  }
}

/** The unit that runs Ollama. */
export const ollamaUnitName = "ollama";
/** Where the Ollama of a host answers. */
export const ollamaUrl = ({ ollama, port }: Pick<RuntimeSection, "ollama" | "port">): string =>
  typeof ollama === "string" ? `http://127.0.0.1:${port}` : ollama.url.replace(/\/$/, "");

/** Ollama as a unit: on loopback, models and home in the host's folder, no prompt in any log, nothing sent to any cloud. Pure. */
export function ollamaUnit(section: OwnRuntime, layout: Layout, version: string): Unit {
  return {
    name: ollamaUnitName,
    description: "Ollama for Lightchain workers",
    command: [section.ollama, "serve"],
    environment: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: join(layout.ollama, "home"),
      OLLAMA_HOST: `127.0.0.1:${section.port}`,
      OLLAMA_MODELS: join(layout.ollama, "models"),
      OLLAMA_KEEP_ALIVE: "-1",
      OLLAMA_NO_CLOUD: "1",
      ...(section.contextLength === 0 ? {} : { OLLAMA_CONTEXT_LENGTH: String(section.contextLength) }),
    },
    folder: layout.ollama,
    log: join(layout.ollama, "ollama.log"),
    stopTimeoutMs: 10_000,
    revision: version,
    secret: null,
  };
}

/** A section that has us run Ollama. */
export type OwnRuntime = RuntimeSection & { readonly ollama: string };
const isOwn = (section: RuntimeSection): section is OwnRuntime => typeof section.ollama === "string";

/** Makes Ollama run as the section says, or sees that the one that others run answers. @throws OllamaMissing, OllamaTooOld, OllamaPortTaken, OllamaSilent, ExternalOllamaSilent */
export async function ensureRuntime(
  section: RuntimeSection,
  layout: Layout,
  services: ServiceManager,
  clock: Clock,
): Promise<{ report: NonNullable<Report["runtime"]>; changed: boolean }> {
  if (!isOwn(section)) {
    const url = ollamaUrl(section);
    const version = await externalVersion(url, clock);
    if (compareVersions(version, section.minimumVersion) < 0)
      throw new OllamaTooOld(url, version, section.minimumVersion);
    return { report: { version, url, pid: null }, changed: await services.remove(ollamaUnitName) };
  }
  const version = await versionOf(section);
  if ((await isPortTaken(section.port)) && !(await isOurs(section.port, services)))
    throw new OllamaPortTaken(section.port);
  for (const folder of ["home", "models"]) await mkdir(join(layout.ollama, folder), { recursive: true, mode: 0o700 });
  const unit = ollamaUnit(section, layout, version);
  const changed = await services.ensure(unit);
  await waitUntilAnswers(section, unit.log, services, clock);
  const status = await services.status(ollamaUnitName);
  return { report: { version, url: ollamaUrl(section), pid: status?.pid ?? null }, changed };
}

/** Whether it is the Ollama that we started who listens there, and not one that the user runs. */
async function isOurs(port: number, services: ServiceManager): Promise<boolean> {
  const status = await services.status(ollamaUnitName);
  return (
    status !== undefined && status.pid !== null && ((await listensOn(status.pid, port)) ?? status.state === "running")
  );
}

async function versionOf(section: OwnRuntime): Promise<string> {
  const answer = await runProcess(section.ollama, ["--version"], {
    env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent", OLLAMA_HOST: "127.0.0.1:1" }, // asks no running one
  }).catch((error: unknown) => {
    throw new OllamaMissing(section.ollama, error);
  });
  const version = /(\d+\.\d+\.\d+)/.exec(`${answer.stdout}${answer.stderr}`)?.[1];
  if (version === undefined) throw new OllamaMissing(section.ollama, answer.stderr);
  if (compareVersions(version, section.minimumVersion) < 0)
    throw new OllamaTooOld(section.ollama, version, section.minimumVersion);
  return version;
}

/** Negative when `a` is older than `b`. Numbers only: `0.11.4` against `0.9.10`. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string): number[] => text.split(".").map(Number);
  const [x, y] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(x.length, y.length); index++) {
    const difference = (x[index] ?? 0) - (y[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Longest that Ollama may take to answer (ms). */
const startMs = 30_000;
/** One that is between two starts by then has failed at least twice (ms): it will not come up by itself soon. */
const failingMs = 4_000;

async function waitUntilAnswers(
  section: OwnRuntime,
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
