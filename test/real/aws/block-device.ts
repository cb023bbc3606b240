import { mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProcess } from "../../../system/process.js";
import { identityOf } from "../machines/leftovers.js";

/** A block device of this computer, as a container needs it to be made there. */
export interface BlockDevice {
  /** Its number among the loop devices, whose major number is 7. */
  readonly minor: number;
}

/** Volumes, each a sparse file behind a loop device: what is on one is there as long as it is not deleted. */
export interface Disks {
  /** The device of a volume, made at the first call. */
  deviceOf(volume: string, gibibytes: number): Promise<BlockDevice>;
  /** Its content is gone. */
  remove(volume: string): Promise<void>;
  stop(): Promise<void>;
}

const prefix = "lf-volumes-";

/** Why there are none here; `undefined` where there are. */
export const noDisks = (): string | undefined =>
  process.getuid?.() === 0 && existsSync("/dev/loop-control") ? undefined : "only root may make loop devices";

/** A place for volumes, empty. Those of runs that were killed are taken away. */
export async function openDisks(): Promise<Disks> {
  await removeAbandoned();
  const folder = await mkdtemp(join(tmpdir(), `${prefix}${identityOf(process.pid) ?? ""}-`));
  const devices = new Map<string, Promise<BlockDevice & { readonly path: string }>>();
  /** One at a time: the next free device is asked for, and then taken. */
  let turn: Promise<unknown> = Promise.resolve();

  const make = async (volume: string, gibibytes: number) => {
    const file = join(folder, `${volume}.img`);
    const handle = await open(file, "w", 0o600);
    await handle.truncate(gibibytes * 2 ** 30);
    await handle.close();
    const next = await losetup("--find");
    // more than a few are made only when they are asked for, and their nodes not everywhere
    const number = /^\/dev\/loop(\d+)$/.exec(next)?.[1] ?? "";
    if (!existsSync(next)) await runProcess("mknod", ["-m", "660", next, "b", "7", number]);
    const path = await losetup("--find", "--show", file);
    const { rdev } = await stat(path);
    return { path, minor: (rdev & 0xff) | ((rdev >>> 12) & ~0xff) };
  };
  const remove: Disks["remove"] = async (volume) => {
    const made = devices.get(volume);
    devices.delete(volume);
    if (made === undefined) return;
    await losetup("--detach", (await made).path);
    await rm(join(folder, `${volume}.img`));
  };
  return {
    deviceOf: (volume, gibibytes) => {
      const made = devices.get(volume) ?? turn.then(() => make(volume, gibibytes));
      devices.set(volume, made);
      turn = made.catch(() => undefined);
      return made;
    },
    remove,
    stop: async () => {
      for (const volume of devices.keys()) await remove(volume);
      await rm(folder, { recursive: true });
    },
  };
}

/** What a killed run left: its devices, and the files behind them. */
async function removeAbandoned(): Promise<void> {
  for (const name of (await readdir(tmpdir())).filter((one) => one.startsWith(prefix))) {
    const [owner = ""] = name.slice(prefix.length).split("-");
    if (identityOf(Number(owner.split(".")[0])) === owner) continue;
    const folder = join(tmpdir(), name);
    for (const line of (await losetup("--list", "--noheadings", "--output", "NAME,BACK-FILE")).split("\n"))
      if (line.includes(`${folder}/`)) await losetup("--detach", line.split(/\s+/)[0] ?? "");
    await rm(folder, { recursive: true, force: true });
  }
}

async function losetup(...args: readonly string[]): Promise<string> {
  const path = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
  const { code, stdout, stderr } = await runProcess("losetup", args, { env: { PATH: path } });
  if (code !== 0) throw new Error(`losetup ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout.trim();
}
