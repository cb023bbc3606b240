import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../system/files.js";

/*
 * What a pull that a full disk ended leaves in Ollama's folder can keep every later pull of that model from beginning: Ollama writes down how far each part of a file came, and
 * reads nothing where it could not write. Source: ollama, server/download.go (`<blob>-partial-<n>`).
 */

/** Whether a pull failed of that. Pure. */
export const isBrokenDownload = (error: unknown): boolean =>
  error instanceof Error && /\b(unexpected )?EOF$|end of JSON input$/.test(error.message);

/**
 * Takes away the downloads that Ollama cannot go on with; others it goes on with.
 * @param models the folder of Ollama's models, where it is one of ours
 * @returns whether there were any
 */
export async function forgetBrokenDownloads(models: string): Promise<boolean> {
  const folder = join(models, "blobs");
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT") || isErrno(error, "EACCES")) return [];
    throw error;
  });
  const broken = new Set<string>();
  for (const name of names) {
    const [, blob] = /^(sha256-[0-9a-f]{64})-partial-\d+$/.exec(name) ?? [];
    if (blob !== undefined && !isJson(await readFile(join(folder, name), "utf8"))) broken.add(blob);
  }
  for (const name of names)
    if ([...broken].some((blob) => name.startsWith(`${blob}-partial`))) await rm(join(folder, name), { force: true });
  return broken.size > 0;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
