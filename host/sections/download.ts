import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describeError, FleetError } from "../../schema/errors.js";
import { isDiskFull } from "../../system/disk.js";

/** LF1352: an archive cannot be downloaded to this host. What came of it already is kept, and the next run goes on there. */
export class DownloadFailed extends FleetError {
  constructor(url: string, cause: unknown) {
    super("LF1352", `${url} could not be downloaded on this host: ${reasonOf(cause)}.`, {
      fix: `curl -sSIL ${url} on the host; open the way there or set ollama.url to a mirror, then run the same command again.`,
      cause,
    });
  }
}
/** LF1353: what was downloaded is not what the operator's checksum names. Nothing of it was used, and nothing was changed. */
export class ChecksumWrong extends FleetError {
  constructor(url: string, expected: string, actual: string) {
    super("LF1353", `${url} has the SHA-256 ${actual}, not ${expected}. Nothing was changed.`, {
      fix: "compare with the sha256sum.txt of the release; correct ollama.sha256 (each kind of machine has its own) or ollama.url.",
    });
  }
}

/** How long a server may take to answer, and how long it may send nothing (ms). */
const patience = { answerMs: 15_000, stallMs: 30_000 } as const;

/**
 * Brings a file into a folder under its checksum's name, once: what was begun is gone on with, and nothing has that name before its content was verified.
 * @returns its path
 * @throws DownloadFailed LF1352, ChecksumWrong LF1353
 */
export async function download(url: string, sha256: string, folder: string): Promise<string> {
  const [whole, part] = [join(folder, sha256), join(folder, `${sha256}.part`)];
  if ((await sizeOf(whole)) > 0 && (await sha256Of(whole)) === sha256) return whole;
  const begun = await sizeOf(part);
  await fetchInto(part, url, begun);
  let actual = await sha256Of(part);
  if (actual !== sha256 && begun > 0) {
    await fetchInto(part, url, 0); // what was begun may have been of another file
    actual = await sha256Of(part);
  }
  if (actual !== sha256) {
    await rm(part, { force: true });
    throw new ChecksumWrong(url, sha256, actual);
  }
  await rename(part, whole);
  return whole;
}

async function fetchInto(file: string, url: string, from: number): Promise<void> {
  const stop = new AbortController();
  const giveUp = (why: string) => () => stop.abort(new Error(why));
  let timer = setTimeout(giveUp(`no answer within ${patience.answerMs / 1_000} s`), patience.answerMs);
  try {
    const headers = from > 0 ? { range: `bytes=${from}-` } : {};
    const response = await fetch(url, { headers, signal: stop.signal });
    if (response.status === 416) return; // nothing is missing, or it is another file: the checksum tells
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const watch = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        clearTimeout(timer);
        timer = setTimeout(giveUp(`nothing came for ${patience.stallMs / 1_000} s`), patience.stallMs);
        done(null, chunk);
      },
    });
    const flags = response.status === 206 ? "a" : "w";
    await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(file, { flags, mode: 0o600 }));
  } catch (error) {
    if (isDiskFull(error)) throw error;
    throw new DownloadFailed(url, stop.signal.aborted ? stop.signal.reason : error);
  } finally {
    clearTimeout(timer);
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : describeError(cause);
}
