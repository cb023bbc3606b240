import { setTimeout as after } from "node:timers/promises";
import type { Trouble } from "../e2e/adversity/troubles.js";
import type { Machine } from "../machines/machine.js";

/** A disk of its own in a machine's memory, which can be made full, spacious, and read-only. */
export interface MachineDisk {
  /** Leaves no room on it: by its size, so that it costs no memory. */
  readonly full: Trouble;
  readonly readOnly: Trouble;
  /** What it holds in all (MiB). */
  ofSize(mebibytes: number): Trouble;
}

const spacious = "size=1g";

/** Mounts one. It is gone with the machine. */
export async function mountDisk(machine: Machine, folder: string): Promise<MachineDisk> {
  await machine.must(["mkdir", "-p", folder]);
  await machine.must(["mount", "-t", "tmpfs", "-o", `${spacious},mode=0755`, "tmpfs", folder]);
  const remount = async (options: string): Promise<void> => {
    await machine.must(["mount", "-o", `remount,${options}`, folder]);
  };
  const end = (): Promise<void> => remount(`rw,${spacious}`);
  return {
    // Refused where something was written meanwhile: then it is measured again.
    full: {
      begin: async () => {
        await machine.must(["sh", "-c", fill, "sh", folder]);
      },
      end,
    },
    readOnly: { begin: () => remount("ro"), end },
    ofSize: (mebibytes) => ({ begin: () => remount(`size=${mebibytes}m`), end }),
  };
}

const fill = `for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  used=$(($(stat -f -c '(%b - %f) * %S' "$1")))
  [ "$used" -gt 0 ] || used=4096
  mount -o "remount,size=$used" "$1" 2>/dev/null && exit 0
done
exit 1`;

/** Its network is cut, as a pulled cable, and stays so for at least this long. */
export function cutOff(machine: Machine, atLeastMs = 0): Trouble {
  let mend: (() => Promise<void>) | undefined;
  let over: Promise<unknown> = Promise.resolve();
  return {
    begin: async () => {
      mend = await machine.cutNetwork();
      over = after(atLeastMs);
    },
    end: async () => {
      await over;
      await mend?.();
    },
  };
}

/** It has no more memory than this, as its kernel tells. */
export const shortOfMemory = (machine: Machine, mebibytes: number): Trouble => ({
  begin: async () => {
    const told = `sed 's/^MemTotal:.*/MemTotal: ${mebibytes * 1024} kB/' /proc/meminfo > /run/meminfo`;
    await machine.must(["sh", "-c", `${told} && mount --bind /run/meminfo /proc/meminfo`]);
  },
  end: async () => {
    await machine.must(["umount", "/proc/meminfo"]);
  },
});

/** It is another kind of machine by what this program of its says: a script stands before the program, which is `$real` in it. */
export const otherByWordOf = (machine: Machine, program: string, says: string): Trouble => {
  const pretender = `/usr/sbin/${program}`; // before /usr/bin on every path of root's
  return {
    begin: async () => {
      const script = `#!/bin/sh\nreal=/usr/bin/${program}\n${says}\n`;
      await machine.must(["sh", "-c", 'set -C; cat > "$1" && chmod 755 "$1"', "sh", pretender], script);
    },
    end: async () => {
      await machine.must(["rm", pretender]);
    },
  };
};

/** Another program of its has this port. */
export const portTaken = (machine: Machine, port: number): Trouble => ({
  begin: async () => {
    const listener = ["systemd-socket-activate", "-l", `127.0.0.1:${port}`, "/bin/cat"];
    await machine.must(["systemd-run", "--quiet", "--unit=port-taker", ...listener]);
  },
  end: async () => {
    await machine.must(["systemctl", "stop", "port-taker"]);
  },
});
