import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { create } from "tar";

/**
 * A bundle folder as a `.tar.gz` that comes piece by piece. The same content is the same bytes: sorted, no owners, no times, modes by what a file is for.
 */
export async function* packBundle(folder: string): AsyncGenerator<Uint8Array> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  const packed = create(
    {
      cwd: folder,
      portable: true,
      mtime: new Date(0),
      gzip: { level: 6, portable: true },
      onWriteEntry: ({ path, stat }) => {
        if (stat !== undefined) stat.mode = path === "node" ? 0o755 : 0o644;
      },
    },
    files,
  );
  for await (const piece of packed) yield piece;
}
