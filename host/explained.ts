import { describeError, FleetError } from "../schema/errors.js";
import { DiskFull, isDiskFull, isFull } from "../system/disk.js";

/** Failures that are what a full disk looks like from outside: a program that could not write its log, its key or its socket, or not tell why it ended. */
const looksLikeAFullDisk = ["LF1307", "LF1308", "LF1320", "LF1331", "LF1332", "LF1338"];

/**
 * A failure on a host by its cause: when the disk of the host's folder is full, that is what a person has to know, whatever came of it.
 * @param full default: whether the disk is full now
 */
export async function explained(error: unknown, root: string, full = isFull): Promise<unknown> {
  if (isDiskFull(error)) return new DiskFull(root, error);
  if (!(error instanceof FleetError) || !looksLikeAFullDisk.includes(error.code)) return error;
  const saysSo = /no space left|ENOSPC|disk quota exceeded/i.test(describeError(error));
  return saysSo || (await full(root)) ? new DiskFull(root, error, error.summary) : error;
}
