import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/*
 * What a unit's user may come to. The host's folder itself is closed to everybody but its owner: a unit gets into its namespace what it is given, past that.
 */

/** Makes folders that will be a unit's user's: each start of the unit gives them to it. */
export async function makeFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  }
}

/** Lets everybody read a folder of programs, and run what its owner may run, whatever umask it was brought under. */
export async function openToAll(path: string): Promise<void> {
  const { mode } = await stat(path);
  const wanted = mode | 0o444 | (mode & 0o100 ? 0o111 : 0);
  if (wanted !== mode) await chmod(path, wanted & 0o7777);
}

/** The same for a folder and all that is in it. */
export async function openFolderToAll(folder: string): Promise<void> {
  await openToAll(folder);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) await openToAll(join(entry.parentPath, entry.name));
}
