import { stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * The folders that a unit's namespace has to replace by empty ones, so that the unit's user comes to what is bound below them: the host's own, or the topmost folder
 * above it that is not everybody's to pass; and the like above anything else that it needs. None of them below another.
 */
export async function veilsFor(root: string, paths: readonly string[]): Promise<string[]> {
  const found = [(await topmostClosed(root)) ?? root];
  for (const path of paths) {
    if (found.some((veil) => isWithin(path, veil))) continue;
    const closed = await topmostClosed(dirname(path));
    if (closed !== undefined) found.push(closed);
  }
  return found.filter((veil) => !found.some((other) => other !== veil && isWithin(veil, other)));
}

async function topmostClosed(folder: string): Promise<string | undefined> {
  for (const ancestor of ancestorsOf(folder)) if (!((await stat(ancestor)).mode & 0o001)) return ancestor;
  return undefined;
}

/** A folder and all above it but the file system's root, topmost first. Pure. */
export const ancestorsOf = (folder: string): string[] =>
  folder === "/" || folder === "." ? [] : [...ancestorsOf(dirname(folder)), folder];

/** Whether a path is a folder or lies in it. Pure. */
export const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
