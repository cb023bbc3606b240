import { setTimeout as after } from "node:timers/promises";
import { runProcess } from "../../../system/process.js";
import { openSmallDisk, type SmallDisk } from "../e2e/adversity/small-disk.js";
import type { Trouble } from "../e2e/adversity/troubles.js";
import { mustDocker } from "../machines/docker-engine.js";

/**
 * A volume of this name on a disk of its own, for whoever asks the engine for one: it takes what is there. The disk is to be unmounted before the volume is removed; a container
 * that runs keeps it.
 */
export async function openVolumeDisk(volume: string): Promise<SmallDisk> {
  await mustDocker("volume", "create", volume);
  return openSmallDisk(await mustDocker("volume", "inspect", "--format", "{{.Mountpoint}}", volume));
}

/** A container's cable is pulled, and stays so for at least this long: nobody is told, and its addresses stay. */
export function unplugged(container: string, atLeastMs = 0): Trouble {
  let plug: () => Promise<void> = () => Promise.resolve();
  let over: Promise<unknown> = Promise.resolve();
  return {
    begin: async () => {
      const index = await mustDocker("exec", container, "cat", "/sys/class/net/eth0/iflink");
      const cable = await interfaceOf(Number(index));
      await ip("link", "set", cable, "down");
      plug = async () => {
        await ip("link", "set", cable, "up");
      };
      over = after(atLeastMs);
    },
    end: async () => {
      await over;
      await plug();
    },
  };
}

/** The name of this computer's interface with this number. */
async function interfaceOf(index: number): Promise<string> {
  const line = (await ip("-oneline", "link")).split("\n").find((one) => one.startsWith(`${index}: `));
  const name = /^\d+: ([^:@]+)/.exec(line ?? "")?.[1];
  if (name === undefined) throw new Error(`this computer has no interface ${index}`);
  return name;
}

async function ip(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess("ip", args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
  if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  return stdout;
}
