import { access, constants, lstat, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describeError, FleetError } from "../schema/errors.js";
import { ensureFolder, isErrno } from "../system/files.js";
import type { Layout } from "./layout.js";

/** Longest path a Unix socket may have everywhere (bytes): Linux takes 107, macOS 103 (unix(7), `sun_path`). */
export const maxSocketPathBytes = 100;

/** LF1337: a control socket's path would be longer than a Unix socket's can be. */
export class SocketPathTooLong extends FleetError {
  constructor(path: string) {
    super(
      "LF1337",
      `${path} has ${Buffer.byteLength(path)} bytes, but a Unix socket's path has at most ${maxSocketPathBytes}.`,
      { fix: "choose a shorter hostRoot, or a shorter name for the worker." },
    );
  }
}
/** LF1338: the host's folder cannot be made or written. */
export class RootUnwritable extends FleetError {
  constructor(root: string, cause: unknown) {
    super("LF1338", `The host's folder ${root} cannot be written: ${describeError(cause)}.`, {
      fix: `choose another hostRoot, or: sudo chown -R "$USER" ${root}`,
      cause,
    });
  }
}

/**
 * Makes the host's folder ready for use, before anything is started or written there.
 * @param worker whose socket will be there too
 * @throws SocketPathTooLong, RootUnwritable
 */
export async function openRoot(layout: Layout, worker?: string): Promise<void> {
  const sockets = [layout.supervisor.socket, ...(worker === undefined ? [] : [layout.worker(worker).socket])];
  const long = sockets.find((path) => Buffer.byteLength(path) > maxSocketPathBytes);
  if (long !== undefined) throw new SocketPathTooLong(long);
  try {
    await ensureFolder(layout.root, "private");
    await access(layout.root, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new RootUnwritable(layout.root, error);
  }
}

/** Removes what is at a path, a folder with all that is in it. A disk or a volume that is mounted there, or further down, is the operator's: it is emptied, and stays. */
export async function removeAll(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!isErrno(error, "EBUSY") || !(await lstat(path)).isDirectory()) throw error;
    for (const name of await readdir(path)) await removeAll(join(path, name));
  }
}

/**
 * Removes a folder so that whoever looks for it finds all of it or nothing, also when this is killed on the way: it has another name by then, and what is left under that
 * goes with the next removal.
 */
export async function removeWhole(path: string): Promise<void> {
  const renamed = join(dirname(path), `${removedPrefix}${basename(path)}`);
  await removeAll(renamed);
  try {
    await rename(path, renamed);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    return removeAll(path); // something is mounted there
  }
  await removeAll(renamed);
}
/** What a folder's name begins with once it is being removed. */
export const removedPrefix = ".removed-";

/**
 * Removes everything of ours, and the folder itself unless somebody else keeps something in it, or it is not ours to remove: a container's volume, or a folder that
 * was made for us where we may not write. The bundles go last: without the programs in them nobody could go on with a removal that was killed.
 */
export async function removeRoot(layout: Layout): Promise<void> {
  for (const path of layout.everything) await removeAll(path);
  await removeWhole(layout.bundle(""));
  await rmdir(layout.root).catch((error: unknown) => {
    if (!stays.some((code) => isErrno(error, code))) throw error;
  });
}

/** Why a folder cannot be removed that may as well stay (rmdir(2)): something else is in it, something is mounted there, or the folder above is not ours. */
const stays = ["ENOTEMPTY", "EEXIST", "EBUSY", "EROFS", "EACCES", "EPERM"];
