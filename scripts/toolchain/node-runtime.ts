import { copyFile, constants, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { packageRoot } from "../../system/package-root.js";
import { ensureEntry, findEntry, type Recipe } from "./cache.js";
import type { Workshop } from "./install.js";
import type { Machine } from "./platform.js";

/** The Node that everything runs on; package.json pins the same. */
export const nodeVersion = "24.21.0";

const recipe = (machine: Machine): Recipe => ({ tool: "node", version: nodeVersion, ingredients: machine.platform });
const program = (folder: string): string => join(folder, "bin", "node");

/** Node 24 in the cache, when it is there. */
export async function locateNode({ cache, machine }: Pick<Workshop, "cache" | "machine">): Promise<string | undefined> {
  const entry = await findEntry(cache, recipe(machine));
  return entry && program(entry.folder);
}

/** Copies the checkout's Node 24 into the cache: what is installed there must go on working when the checkout is moved or removed. */
export async function installNode({ cache, machine, clock }: Workshop): Promise<string> {
  const entry = await ensureEntry({
    cache,
    recipe: recipe(machine),
    clock,
    onWaiting: () => undefined,
    produce: async (folder) => {
      await mkdir(dirname(program(folder)), { recursive: true });
      const own = join(packageRoot(), "node_modules", "node", "bin", "node");
      await copyFile(own, program(folder), constants.COPYFILE_FICLONE);
      return "copied";
    },
  });
  return program(entry.folder);
}
