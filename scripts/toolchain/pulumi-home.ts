import { randomBytes } from "node:crypto";
import { constants, copyFile, link, mkdir, rename, stat, utimes } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { compileCache } from "../../system/cache-folder.js";
import { isErrno } from "../../system/files.js";
import { packageRoot } from "../../system/package-root.js";
import { languageHostName } from "./language-host-install.js";
import { tools } from "./manifest.js";
import { isExecutable } from "./platform.js";
import type { EngineTools } from "./resolve.js";

/** A PULUMI_HOME in which `npx pulumi`, the Automation API and the engine itself find everything without a download. */
export interface PulumiHome {
  readonly home: string;
  /** The folder with the engine, the language host and the launcher of dynamic providers; belongs first on PATH. */
  readonly bin: string;
  readonly pulumi: string;
}

const dynamicProviderName = "pulumi-resource-pulumi-nodejs";

/**
 * Makes the folder a PULUMI_HOME with our engine, or completes one that is there (a person's own `~/.pulumi` too: only
 * `versions/3.255.0/bin` is touched). Hard links or copies, since a linked engine warns about its plugins on each run. May be called by several
 * processes at once.
 */
export async function preparePulumiHome(
  folder: string,
  engine: Pick<EngineTools, "pulumi" | "languageHost">,
): Promise<PulumiHome> {
  const bin = join(folder, "versions", tools.pulumi.version, "bin");
  await mkdir(bin, { recursive: true });
  const beside = join(dirname(engine.pulumi), dynamicProviderName);
  const dynamicProvider = isExecutable(beside)
    ? beside
    : join(packageRoot(), "node_modules", "@pulumi", "pulumi", dynamicProviderName);
  await place(join(engine.languageHost.folder, languageHostName), join(bin, languageHostName));
  await place(dynamicProvider, join(bin, dynamicProviderName));
  await place(engine.pulumi, join(bin, "pulumi")); // last: npm's wrapper takes its presence for a complete installation
  return { home: folder, bin, pulumi: join(bin, "pulumi") };
}

/** What the engine's environment is made of. */
export interface EngineSettings {
  readonly home: PulumiHome;
  /** Node 24, for the program and its providers. */
  readonly node: string;
  /** Where state is kept: a folder for the file backend. It must exist. */
  readonly backendFolder: string;
  /** The file with the passphrase for secrets in state; the passphrase itself is in no environment. */
  readonly passphraseFile: string;
  /** Further variables, for instance a provider's credentials. */
  readonly extra?: Readonly<Record<string, string>>;
}

/**
 * A hermetic environment for the engine: state in a folder, no update check, no plugin download, our engine and Node 24 first on PATH. Of the
 * caller's own environment only what names the person, the terminal and the way to the network goes through.
 */
export function pulumiEnvironment(
  settings: EngineSettings,
  from: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const kept = passedThrough.flatMap((name) => {
    const value = from[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(kept),
    PATH: [settings.home.bin, dirname(settings.node), from["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"].join(delimiter),
    ...compileCache(from),
    PULUMI_HOME: settings.home.home,
    PULUMI_BACKEND_URL: `file://${settings.backendFolder}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: settings.passphraseFile,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    ...settings.extra,
  };
}

const passedThrough = [
  ...[
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TERM",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "LIGHTCHAIN_FLEET_CACHE",
  ],
  ...[
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
  ],
];

/** Hard link, or copy across file systems; beside first and then renamed, so that nobody ever runs half a file. */
async function place(source: string, target: string): Promise<void> {
  const [wanted, there] = [await stat(source), await stat(target).catch(() => undefined)];
  const isThere = there?.ino === wanted.ino && there.dev === wanted.dev;
  if (isThere || (there?.size === wanted.size && Math.trunc(there.mtimeMs) === Math.trunc(wanted.mtimeMs))) return;
  const temporary = join(dirname(target), `.${randomBytes(6).toString("hex")}`);
  try {
    await link(source, temporary);
  } catch (error) {
    if (!["EXDEV", "EPERM", "EMLINK", "EACCES"].some((code) => isErrno(error, code))) throw error;
    await copyFile(source, temporary, constants.COPYFILE_FICLONE);
    await utimes(temporary, wanted.atime, wanted.mtime); // how the next call knows it
  }
  await rename(temporary, target);
}
