import { dirname } from "node:path";

/**
 * A file's path as its container's engine knows it, when its folder is a volume: `/proc/self/mountinfo` (proc(5)) names, for each mount, the folder of the file system that
 * is seen there, for instance `/var/lib/docker/volumes/home-state/_data`. Any other file's path is itself. Pure.
 * @param path of a file, without symbolic links
 */
export function pathOnEngine(path: string, mountinfo: string): string {
  const folder = dirname(path);
  const seen = mountinfo
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , , , at]) => at !== undefined && unescaped(at) === folder)
    .at(-1)?.[3]; // the last one covers the others
  return seen === undefined || !isVolume(seen) ? path : unescaped(seen) + path.slice(folder.length);
}

/** A folder that an operator mounts somewhere else himself stays known by the path it always had. */
const isVolume = (root: string): boolean => root.includes("/volumes/");

/** Blanks and backslashes are octal there. */
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
