import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeError, FleetError } from "../../schema/errors.js";
import type { PinnedOllama } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import { isDiskFull } from "../../system/disk.js";
import { readIfPresent } from "../../system/files.js";
import { compareVersions } from "../../system/versions.js";
import type { Layout } from "../layout.js";
import { download } from "./download.js";
import { askVersion } from "./ollama-version.js";
import { unpack } from "./unpack.js";

/** LF1354: a release of Ollama that was downloaded whole cannot be used here. Nothing was changed. */
export class ReleaseUnusable extends FleetError {
  constructor(url: string, what: string, cause?: unknown) {
    super("LF1354", `${url} is no Ollama for this host: ${what}. Nothing was changed.`, {
      fix: "set ollama.version, ollama.url and ollama.sha256 to those of one release for this kind of machine.",
      cause,
    });
  }
}

/** From which version on the publisher packs its Linux releases with zstd (the assets of ollama/ollama v0.14.0). */
const firstWithZstd = "0.14.0";

/** Where a release is: where the operator says, or where its publisher has it for this kind of machine. Pure. */
export function urlOfRelease({ version, url }: Pick<PinnedOllama, "version" | "url">, arch: string): string {
  if (url !== undefined) return url;
  const kind = arch === "arm64" ? "arm64" : "amd64";
  const packing = compareVersions(version, firstWithZstd) >= 0 ? "tar.zst" : "tgz";
  return `https://github.com/ollama/ollama/releases/download/v${version}/ollama-linux-${kind}.${packing}`;
}

/** Where a pinned release lies once it is there. */
export const releaseFolder = (layout: Layout, { version }: Pick<PinnedOllama, "version">): string =>
  join(layout.ollama, version);
/** The program in a release. */
export const programIn = (folder: string): string => join(folder, "bin", "ollama");

const stampName = ".release.json";
const stampOf = ({ version, sha256 }: PinnedOllama): string => toJson({ version, sha256 });

/** Whether a folder holds exactly this release; what was unpacked only in part never has a folder of that name. */
export const isInstalled = async (folder: string, pinned: PinnedOllama): Promise<boolean> =>
  (await readIfPresent(join(folder, stampName))) === stampOf(pinned);

/**
 * Brings a pinned release to the host: downloaded, verified, unpacked beside, tried, and only then renamed to where it is looked for.
 * @returns whether it had to be brought
 */
export async function ensureRelease(pinned: PinnedOllama, layout: Layout): Promise<boolean> {
  const folder = releaseFolder(layout, pinned);
  if (await isInstalled(folder, pinned)) return false;
  const url = urlOfRelease(pinned, process.arch);
  const downloads = join(layout.ollama, downloadsName);
  await mkdir(downloads, { recursive: true, mode: 0o700 });
  const archive = await download(url, pinned.sha256, downloads);
  const beside = await mkdtemp(join(layout.ollama, besidePrefix));
  try {
    await unpackAndTry(archive, beside, pinned, url);
    await writeFile(join(beside, stampName), stampOf(pinned));
    const aside = join(layout.ollama, `${besidePrefix}${randomBytes(6).toString("hex")}`);
    await rename(folder, aside).catch(() => undefined); // there is none of that version, as a rule
    await rename(beside, folder);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return true;
}

async function unpackAndTry(archive: string, folder: string, pinned: PinnedOllama, url: string): Promise<void> {
  try {
    await unpack(archive, folder);
  } catch (error) {
    if (isDiskFull(error)) throw error;
    throw new ReleaseUnusable(url, `it cannot be unpacked (${describeError(error)})`, error);
  }
  const version = await askVersion(programIn(folder)).catch((error: unknown) => {
    throw new ReleaseUnusable(url, "its bin/ollama cannot be run", error);
  });
  if (version !== pinned.version)
    throw new ReleaseUnusable(url, `it says that it is version ${version ?? "of no number"}, not ${pinned.version}`);
}

const downloadsName = "downloads";
const besidePrefix = ".release-";

/** Takes away what the Ollama that answers now does not need: other releases, archives, and what interrupted runs left. */
export async function forgetOtherReleases(layout: Layout, current: PinnedOllama | undefined): Promise<string[]> {
  const names = await readdir(layout.ollama);
  const releases = names.filter((name) => /^\d+\.\d+\.\d+$/.test(name) && name !== current?.version);
  const leftovers = names.filter((name) => name === downloadsName || name.startsWith(besidePrefix));
  for (const name of [...releases, ...leftovers]) await rm(join(layout.ollama, name), { recursive: true, force: true });
  return releases.map((version) => `removed Ollama ${version}`);
}
