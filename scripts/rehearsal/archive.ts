import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ensureFolder, readIfPresent } from "../../system/files.js";
import type { Folders } from "./folders.js";

const checkpointSchema = z.looseObject({
  checkpoint: z.looseObject({
    latest: z
      .looseObject({
        resources: z.array(z.looseObject({ custom: z.boolean().optional(), type: z.string() })).nullish(),
        pending_operations: z.array(z.unknown()).nullish(),
      })
      .nullish(),
  }),
});

/**
 * Puts the sealed keys of a life that has ended aside, with the passphrase that opens them, so that the next rehearsal makes new ones: a worker that has left
 * does not come back under the same generation, and another network knows nothing of the old treasury. A life that is still going on is left alone.
 *
 * @returns the folder they are in now; `undefined` when there was nothing to put aside
 */
export async function archiveEndedLife(folders: Folders): Promise<string | undefined> {
  if (!existsSync(folders.keys) || (await hasResources(folders))) return undefined;
  const archive = join(folders.root, "archive");
  await ensureFolder(archive, "private");
  const folder = join(archive, String((await readdir(archive)).length + 1));
  await mkdir(folder, { mode: 0o700 });
  // A copy: the stack's own secrets may be sealed with it.
  await copyFile(folders.passphrase, join(folder, "passphrase"));
  await rename(folders.keys, join(folder, "keys"));
  return folder;
}

/** Whether the engine's state holds anything real, or something that was begun. */
async function hasResources(folders: Folders): Promise<boolean> {
  const file = join(folders.state, ".pulumi", "stacks", "lightchain-fleet", "devnet.json");
  const text = await readIfPresent(file);
  if (text === undefined) return false;
  const { latest } = checkpointSchema.parse(JSON.parse(text)).checkpoint;
  const resources = latest?.resources ?? [];
  const isReal = resources.some(({ custom, type }) => custom === true && !type.startsWith("pulumi:"));
  return isReal || (latest?.pending_operations ?? []).length > 0;
}
