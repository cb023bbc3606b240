import { createRequire } from "node:module";
import { join } from "node:path";
import { packageRoot } from "../../../system/package-root.js";

const load = createRequire(join(packageRoot(), "package.json"));

/** The parts of bootstrap are plain JavaScript; these are their types. */
interface LockFile {
  packages?: Record<string, { version?: string; integrity?: string; optional?: boolean }>;
}
interface Packages {
  agrees(lock: LockFile | undefined, installed: LockFile | undefined): boolean;
  findNpm(env: Record<string, string | undefined>, execPath: string, modules: string): { file: string; args: string[] };
  npmError(what: string, output: string, verbose: boolean): Error;
  readonly nodeVersion: string;
  readonly nodeIntegrity: Record<string, string>;
}
interface Compile {
  listSources(root: string): { name: string; size: number; mtimeMs: number }[];
  sourceStamp(root: string): string;
}
interface Lock {
  acquire(folder: string, options?: { onWait?: (pid: number) => void; pauseMs?: number }): Promise<{ release(): void }>;
}
interface Main {
  readonly commands: Record<string, { program: string }>;
}

export const packages = load("./scripts/bootstrap/packages.cjs") as Packages;
export const compile = load("./scripts/bootstrap/compile.cjs") as Compile;
export const lock = load("./scripts/bootstrap/lock.cjs") as Lock;
export const main = load("./scripts/bootstrap/main.cjs") as Main;
