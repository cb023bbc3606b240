import { createHash } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageRoot } from "../../system/package-root.js";
import { cacheKey, ensureEntry, findEntry, type Recipe } from "./cache.js";
import type { Workshop } from "./install.js";
import { isExecutable } from "./platform.js";

/** The name that the engine looks for, beside itself first. */
export const languageHostName = "pulumi-language-nodejs";

/** The folder with the language host that belongs to this engine: the official one beside it, else our stand-in when it is installed. */
export async function locateLanguageHost(pulumi: string, node: string, cache: string): Promise<string | undefined> {
  if (isExecutable(join(dirname(pulumi), languageHostName))) return dirname(pulumi);
  const entry = await findEntry(cache, await recipeOf(node));
  return entry?.folder;
}

/** The folder with the language host for this engine; where the official one is not beside it, our stand-in is bundled into the cache. */
export async function installLanguageHost(pulumi: string, node: string, { cache, clock }: Workshop): Promise<string> {
  const there = await locateLanguageHost(pulumi, node, cache);
  if (there !== undefined) return there;
  const recipe = await recipeOf(node);
  const final = join(cache, cacheKey(recipe));
  const entry = await ensureEntry({
    cache,
    recipe,
    clock,
    onWaiting: () => undefined,
    produce: async (folder) => {
      const { build } = await import("esbuild"); // needed once in a cache's life: not worth loading each time
      const bundle = "language-host.cjs";
      await build({
        entryPoints: [source()],
        outfile: join(folder, bundle),
        bundle: true,
        platform: "node",
        format: "cjs",
        target: "node24",
        minify: true,
        logLevel: "error",
      });
      const launcher = join(folder, languageHostName);
      // exec: the engine must be the parent, since a parent that changes is how the host knows that the engine is gone
      await writeFile(launcher, `#!/bin/sh\nexec ${quoted(node)} ${quoted(join(final, bundle))} "$@"\n`);
      await chmod(launcher, 0o755);
      return "bundled";
    },
  });
  return entry.folder;
}

const source = (): string => join(packageRoot(), "scripts", "toolchain", "language-host.ts");
const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;

async function recipeOf(node: string): Promise<Recipe> {
  const sdk = join(packageRoot(), "node_modules", "@pulumi", "pulumi", "package.json");
  const { version } = JSON.parse(await readFile(sdk, "utf8")) as { version: string };
  const text = createHash("sha256")
    .update(await readFile(source()))
    .digest("hex");
  return { tool: languageHostName, version, ingredients: JSON.stringify([text, node]) };
}
