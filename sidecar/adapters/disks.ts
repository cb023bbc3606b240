import { statfs } from "node:fs/promises";

/** The least free share among the disks of these folders, for who is not root; `null` when none of them tells. */
export async function leastFree(folders: readonly string[]): Promise<number | null> {
  const shares = await Promise.all(
    folders.map((folder) =>
      statfs(folder).then(
        ({ bavail, blocks }) => (blocks === 0 ? null : bavail / blocks),
        () => null,
      ),
    ),
  );
  const known = shares.filter((share) => share !== null);
  return known.length === 0 ? null : Math.min(...known);
}
