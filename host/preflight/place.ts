import { access, constants, readFile, realpath, statfs } from "node:fs/promises";
import { isPortTaken } from "../../system/net.js";
import { listensOn } from "../sections/listener.js";
import { ollamaUnitName } from "../sections/ollama-unit.js";
import { fail, inGib, pass, warn, type Check } from "./check.js";
import { nearestFolder } from "./capacity.js";

/** Who has the port that our Ollama is to answer on. */
export const port: Check<"free" | "ours" | "taken"> = {
  name: "port",
  probe: async ({ services, wants }) => {
    if (!(await isPortTaken(wants.ollamaPort))) return "free";
    const status = await services.status(ollamaUnitName);
    if (status === undefined || status.pid === null) return "taken";
    return ((await listensOn(status.pid, wants.ollamaPort)) ?? status.state === "running") ? "ours" : "taken";
  },
  judge: (who, { ollamaPort }) =>
    who === "taken"
      ? fail(
          `127.0.0.1:${ollamaPort} is taken by another program`,
          `set ollamaPort to a free port; who has it: ss -ltnp 'sport = :${ollamaPort}'`,
          "LF1303",
        )
      : pass(`127.0.0.1:${ollamaPort}, ${who === "ours" ? "our own Ollama" : "free"}`),
};

/** A mounted file system. */
export interface Mount {
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** File systems that keep no inodes or locks across machines: a host's folder needs both. */
const remote = ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"];

/** The folder that everything of ours lies in. */
export const folder: Check<{ path: string; writable: boolean; mount: Mount | undefined }> = {
  name: "folder",
  probe: async ({ layout }) => {
    const path = await nearestFolder(layout.root);
    return {
      path,
      writable: await isWritable(path),
      mount: mountOf(await realpath(path), await readFile("/proc/self/mountinfo", "utf8")),
    };
  },
  judge: ({ path, writable, mount }) => {
    const on = mount === undefined ? path : `${path} (${mount.type} on ${mount.point})`;
    if (mount?.options.includes("ro") === true)
      return fail(
        `${on} is mounted read-only`,
        `mount -o remount,rw ${mount.point}, or choose another hostRoot.`,
        "LF1338",
      );
    if (!writable)
      return fail(`${on} cannot be written`, `choose another hostRoot, or: sudo chown -R "$USER" ${path}`, "LF1338");
    if (mount?.options.includes("noexec") === true)
      return fail(
        `${on} is mounted noexec: no program can be started from it`,
        `mount -o remount,exec ${mount.point}, or choose another hostRoot.`,
      );
    if (mount !== undefined && remote.includes(mount.type))
      return warn(
        `${on} is on another machine: locks and the host's key may fail there`,
        "choose a local disk for hostRoot.",
      );
    return pass(on);
  },
};

/** Workers' journals, where they are on a disk of their own. */
export const journals: Check<{ path: string; writable: boolean; mount: Mount | undefined; freeBytes: number } | null> =
  {
    name: "journals",
    probe: async ({ layout: { root, workers } }) => {
      const table = await readFile("/proc/self/mountinfo", "utf8");
      const there = await realpath(workers).catch(() => undefined); // before anything is made there
      if (there === undefined) return null;
      const mount = mountOf(there, table);
      if (mount?.point === mountOf(await realpath(root), table)?.point) return null;
      const { bavail, bsize } = await statfs(there);
      return {
        path: there,
        writable: await isWritable(there),
        mount,
        freeBytes: bavail * bsize,
      };
    },
    judge: (found) => {
      if (found === null) return pass("in the host's folder");
      const { path, writable, mount, freeBytes } = found;
      const on = mount === undefined ? path : `${path} (${mount.type} on ${mount.point})`;
      if (mount?.options.includes("ro") === true)
        return fail(`${on} is mounted read-only`, `mount -o remount,rw ${mount.point}`, "LF1338");
      if (!writable) return fail(`${on} cannot be written`, `sudo chown "$USER" ${path}`, "LF1338");
      if (freeBytes < journalBytes.must)
        return fail(`${inGib(freeBytes)} free in ${on}, ${inGib(journalBytes.must)} needed`, roomFix(path), "LF1350");
      if (mount !== undefined && remote.includes(mount.type))
        return warn(`${on} is on another machine: a journal's locks may fail there`, "use a local disk.");
      if (freeBytes < journalBytes.should) return warn(`${inGib(freeBytes)} free in ${on}`, roomFix(path));
      return pass(`${inGib(freeBytes)} free in ${on}`);
    },
  };
/** Free room for journals and logs (bytes): a journal keeps every answer until its job is settled, and logs go on. */
const journalBytes = { must: 128 * 1024 ** 2, should: 1024 ** 3 } as const;
const roomFix = (path: string): string => `df -h ${path}; free some space there or enlarge the disk.`;

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

/** The mount that a path lies on, by the text of /proc/PID/mountinfo (proc(5)): the longest point that it begins with, of two the later one. Pure. */
export function mountOf(path: string, table: string): Mount | undefined {
  const mounts = table.split("\n").flatMap((line): Mount[] => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , , point, options] = before.split(" ");
    const [type, , whole] = after.split(" ");
    if (point === undefined || options === undefined || type === undefined) return [];
    // a mount is read-only by itself, or because its whole file system is
    return [{ point: unescaped(point), type, options: [...options.split(","), ...(whole ?? "").split(",")] }];
  });
  return mounts
    .filter(({ point }) => path === point || path.startsWith(point === "/" ? "/" : `${point}/`))
    .reduce<Mount | undefined>((best, one) => (one.point.length >= (best?.point.length ?? 0) ? one : best), undefined);
}

/** Blanks and the like stand there as octal numbers. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
