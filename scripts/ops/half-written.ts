import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isErrno } from "../../system/files.js";

/**
 * What an engine that was killed while it wrote left half done in a folder backend, put right: beside each of its files stands one with attributes, which it makes
 * empty and then fills. With an empty one it does not read the file itself any more ("failed to load checkpoint: EOF"); without one it does, and the attributes
 * hold nothing that it needs.
 *
 * Only for a stack that no run works on. Other backends write whole objects: nothing is found there.
 * @returns the files that were taken away
 */
export async function mendHalfWritten(backend: string, project: string, stack: string): Promise<string[]> {
  if (!backend.startsWith("file://")) return [];
  const root = join(fileURLToPath(backend), ".pulumi");
  const attributes = [
    ...(await filesIn(join(root, "stacks", project), `${stack}.json`)),
    ...(await filesIn(join(root, "locks", "organization", project, stack))),
    ...(await filesIn(join(root, "history", project, stack))),
  ].filter((file) => file.endsWith(".attrs"));
  const mended = [];
  for (const file of attributes) {
    if ((await stat(file)).size > 0) continue;
    await rm(file, { force: true });
    mended.push(file);
  }
  return mended;
}

async function filesIn(folder: string, beginning = ""): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.startsWith(beginning)).map((name) => join(folder, name));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
