import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The folder of this package's own package.json, whether the code runs from source, from `dist/` or as an installed package.
 * @throws Error when no such folder is above this file
 */
export function packageRoot(): string {
  for (let folder = __dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (
      existsSync(manifest) &&
      (JSON.parse(readFileSync(manifest, "utf8")) as { name?: unknown }).name === "lightchain-fleet"
    )
      return folder;
  }
  throw new Error(`no lightchain-fleet package above ${__dirname}`);
}

/** The compiled entry point of a part, for starting it as a program: `dist/<path>`. */
export const compiled = (path: string): string => join(packageRoot(), "dist", path);
