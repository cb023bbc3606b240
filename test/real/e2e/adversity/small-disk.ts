import { mkdir, statfs } from "node:fs/promises";
import { runProcess } from "../../../../system/process.js";

/** A disk of its own in memory, which can be made full and spacious again. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves no room on it: by its size, so that it costs no memory. */
  fill(): Promise<void>;
  /** @param bytes what it holds in all. Default 1 GiB */
  grow(bytes?: number): Promise<void>;
  unmount(): Promise<void>;
}

/** Why this machine cannot mount a disk for a test; `undefined` where it can. */
export async function whyNoDisks(folder: string): Promise<string | undefined> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "mounting a small disk needs root on Linux";
  await mkdir(folder, { recursive: true });
  const { code, stderr } = await mount("-t", "tmpfs", "tmpfs", folder);
  if (code !== 0) return `this kernel lets nobody mount: ${stderr.trim()}`;
  await runProcess("umount", [folder]);
  return undefined;
}

/** Mounts one. @param bytes what it holds in all */
export async function openSmallDisk(folder: string, bytes = spacious): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  await must(mount("-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "tmpfs", folder));
  const resize = (size: number): Promise<void> => must(mount("-o", `remount,size=${size}`, folder));
  return {
    folder,
    fill: async () => {
      for (let attempt = 1; ; attempt++) {
        const { blocks, bfree, bsize } = await statfs(folder);
        const used = Math.max(blocks - bfree, 1); // a size of nothing would stand for no limit
        try {
          return await resize(used * bsize);
        } catch (error) {
          if (attempt >= 50) throw error; // refused: something was written meanwhile
        }
      }
    },
    grow: (size = spacious) => resize(size),
    unmount: () => must(runProcess("umount", ["-l", folder])),
  };
}

const spacious = 1024 ** 3;
const mount = (...args: readonly string[]) => runProcess("mount", args);

async function must(run: ReturnType<typeof runProcess>): Promise<void> {
  const { code, stderr } = await run;
  if (code !== 0) throw new Error(stderr);
}
