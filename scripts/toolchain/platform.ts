import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PlatformUnsupported } from "./errors.js";

/** The kinds of machine that tools are had for. */
export type Platform = "linux-x64" | "linux-arm64" | "darwin-x64" | "darwin-arm64";
const platforms: readonly Platform[] = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

/** The kind of this machine. @throws {@link PlatformUnsupported} */
export function platformOf(os: string, architecture: string): Platform {
  const platform = platforms.find((known) => known === `${os}-${architecture}`);
  if (platform === undefined) throw new PlatformUnsupported(`${os}-${architecture}`);
  return platform;
}

/** The machine that tools are installed on: what its environment says, taken as a value so that tests can say something else. */
export interface Machine {
  readonly platform: Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws {@link PlatformUnsupported} */
export const thisMachine = (): Machine => ({ platform: platformOf(process.platform, process.arch), env: process.env });

/**
 * All executables of that name on the machine's PATH, first come first. Folders inside any `node_modules` are left out: npm's `pulumi` there is
 * a script that would download the engine.
 */
export function onPath(name: string, machine: Machine): string[] {
  return (machine.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "" && !folder.split("/").includes("node_modules"))
    .map((folder) => join(folder, name))
    .filter(isExecutable);
}

/** Whether this is a file that may be run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
