import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Who may read a file: only its owner, or everybody. */
export type Visibility = "private" | "public";
const modes: Record<Visibility, { file: number; folder: number }> = {
  private: { file: 0o600, folder: 0o700 },
  public: { file: 0o644, folder: 0o755 },
};

/** Makes a folder and its parents; the folder itself gets the visibility's mode even when it was there already. */
export async function ensureFolder(path: string, visibility: Visibility): Promise<void> {
  await mkdir(path, { recursive: true, mode: modes[visibility].folder });
  await chmod(path, modes[visibility].folder);
}

/**
 * Writes a file so that a reader, or a machine that loses power, sees the old content or the new, never a part: temporary file beside it,
 * fsync, rename, fsync of the folder. The folder must exist.
 * @param group whose members may read a private file too
 */
export async function writeAtomically(
  path: string,
  content: string | Uint8Array,
  visibility: Visibility,
  group?: number,
): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", modes[visibility].file);
    try {
      if (group !== undefined) {
        await file.chown(process.getuid?.() ?? 0, group);
        await file.chmod(0o640);
      }
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file's text, or `undefined` when there is no such file. Any other failure is thrown. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Whether an error is the given system error (`ENOENT`, `EEXIST`, `EACCES`, …). */
export const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code;
