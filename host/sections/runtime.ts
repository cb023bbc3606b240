import type { Report, RuntimeSection } from "../../schema/host.js";
import type { Clock } from "../../system/clock.js";
import { isPortTaken } from "../../system/net.js";
import { compareVersions } from "../../system/versions.js";
import type { Layout } from "../layout.js";
import { makeFolders } from "../services/folders.js";
import type { ServiceManager } from "../services/unit.js";
import { externalVersion } from "./external-ollama.js";
import { listensOn } from "./listener.js";
import { OllamaMissing, OllamaPortTaken, OllamaSilent, OllamaTooOld } from "./ollama-errors.js";
import { ensureRelease, forgetOtherReleases } from "./ollama-release.js";
import {
  confine,
  foldersOf,
  isOwn,
  ollamaUnit,
  ollamaUnitName,
  ollamaUrl,
  programOf,
  type OwnRuntime,
} from "./ollama-unit.js";
import { askVersion } from "./ollama-version.js";

/** Makes Ollama run as the section says, or sees that the one that others run answers. A release that is not needed any more goes once the new one answers. @throws OllamaMissing, OllamaTooOld, OllamaPortTaken, OllamaSilent, ExternalOllamaSilent */
export async function ensureRuntime(
  section: RuntimeSection,
  layout: Layout,
  services: ServiceManager,
  clock: Clock,
): Promise<{ report: NonNullable<Report["runtime"]>; changes: string[] }> {
  if (!isOwn(section)) return ensureExternal(section, services, clock);
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

/** Somebody else keeps it running: it has to answer and be new enough, and one of ours is not needed any more. */
async function ensureExternal(
  section: RuntimeSection,
  services: ServiceManager,
  clock: Clock,
): Promise<{ report: NonNullable<Report["runtime"]>; changes: string[] }> {
  const url = ollamaUrl(section);
  const version = await externalVersion(url, clock);
  if (compareVersions(version, section.minimumVersion) < 0)
    throw new OllamaTooOld(url, version, section.minimumVersion);
  const removed = await services.remove(ollamaUnitName);
  return { report: { version, url, pid: null }, changes: removed ? ["stopped Ollama"] : [] };
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
