import { statfs } from "node:fs/promises";
import { FleetError } from "../schema/errors.js";

/** LF1350: a disk is full, so that something could not be written. Nothing is ever left half written under its own name. */
export class DiskFull extends FleetError {
  /**
   * @param place a file or folder on it; `undefined` when that is not known
   * @param what why that matters now: the failure that it led to
   */
  constructor(place: string | undefined, cause: unknown, what?: string) {
    const which = place === undefined ? "A disk of this machine" : `The disk of ${place}`;
    super("LF1350", `${which} is full${what === undefined ? "" : `: ${what.replace(/\.$/, "")}`}.`, {
      fix: `df -h${place === undefined ? "" : ` ${place}`}; free space there, then run the same command again: it goes on where it stopped.`,
      cause,
    });
  }
}

/** SQLITE_FULL, https://www.sqlite.org/rescode.html#full */
const sqliteFull = 13;

/** Whether an error, or one that it was made from, says that a disk or a quota is full. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    const { code, errcode } = at as { code?: unknown; errcode?: unknown };
    if (code === "ENOSPC" || code === "EDQUOT") return true;
    if (typeof errcode === "number" && (errcode & 0xff) === sqliteFull) return true;
  }
  return false;
}

/** The path that a system error is about; `undefined` when it names none. */
export function pathOf(error: unknown): string | undefined {
  const { path } = (error ?? {}) as { path?: unknown };
  return typeof path === "string" ? path : undefined;
}

/** Bytes below which a disk counts as full: a supervisor's note, a log line or a lock would not fit any more. */
const roomForNotes = 256 * 1024;

/** Whether the disk that holds a folder is full, as far as that can be told. */
export async function isFull(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize < roomForNotes;
  } catch {
    return false; // it is not there: nothing is full
  }
}
