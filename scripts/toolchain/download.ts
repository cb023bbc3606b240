import { createWriteStream } from "node:fs";
import { basename, join } from "node:path";
import { rm } from "node:fs/promises";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { runProcess } from "../../system/process.js";
import { sha256Of } from "./cache.js";
import { DownloadMismatch } from "./errors.js";
import type { Release } from "./manifest.js";
import type { Platform } from "./platform.js";

/** What came of trying to download: the archive was unpacked, or the reason why another way must be found. */
export type Downloaded = { readonly got: true } | { readonly got: false; readonly reason: string };

/** How long a server may take to answer at all. */
const answerMs = 3_000;
/** How long a download may stand still. */
const stallMs = 30_000;

/**
 * Fetches a release, checks it against the checksums published beside it and unpacks it into the folder. A server that does not answer
 * within 3 s counts as unreachable.
 * @throws {@link DownloadMismatch} when the archive is not the published one: that is not a reason to look elsewhere quietly
 */
export async function downloadRelease(
  release: Release,
  platform: Platform,
  folder: string,
  onProgress: (how: string) => void,
): Promise<Downloaded> {
  const url = release.archive(platform);
  try {
    const expected = checksumOf(await readAll(await request(release.checksums)), basename(url));
    if (expected === undefined) return { got: false, reason: `${release.checksums} does not name ${basename(url)}` };

    const archive = join(folder, basename(url));
    await saveBody(await request(url), archive, (percent) => onProgress(`downloading ${release.size}, ${percent} %`));
    const actual = await sha256Of(archive);
    if (actual !== expected) throw new DownloadMismatch(url, expected, actual);

    onProgress("unpacking");
    const unpacked = await runProcess("tar", ["-xzf", archive, "-C", folder]);
    if (unpacked.code !== 0)
      return { got: false, reason: `tar could not unpack ${basename(url)} (${unpacked.stderr.trim()})` };
    await rm(archive);
    return { got: true };
  } catch (error) {
    if (error instanceof DownloadMismatch) throw error;
    return { got: false, reason: `${new URL(url).host} can't be reached (${reasonOf(error)})` };
  }
}

/** The SHA-256 that a `sha256sum` list gives for a file; `undefined` when it does not name it. */
export function checksumOf(list: string, file: string): string | undefined {
  for (const line of list.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name?.replace(/^\.\//, "") === file && sum !== undefined && /^[0-9a-f]{64}$/i.test(sum))
      return sum.toLowerCase();
  }
  return undefined;
}

interface Answer {
  readonly response: Response;
  readonly abort: AbortController;
}

async function request(url: string): Promise<Answer> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${answerMs / 1000} s`)), answerMs);
  try {
    const response = await fetch(url, { signal: abort.signal, redirect: "follow" });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return { response, abort };
  } finally {
    clearTimeout(timer);
  }
}

async function readAll({ response, abort }: Answer): Promise<string> {
  const timer = setTimeout(() => abort.abort(new Error("the download stands still")), stallMs);
  try {
    return await response.text();
  } finally {
    clearTimeout(timer);
  }
}

async function saveBody(
  { response, abort }: Answer,
  path: string,
  onPercent: (percent: number) => void,
): Promise<void> {
  if (!response.body) throw new Error("an empty answer");
  const total = Number(response.headers.get("content-length") ?? 0);
  let received = 0;
  let timer = setTimeout(() => undefined, 0);
  const watch = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(new Error("the download stands still")), stallMs);
      received += chunk.length;
      if (total > 0) onPercent(Math.floor((received * 100) / total));
      done(null, chunk);
    },
  });
  try {
    await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(path));
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message;
  return String(cause);
}
