import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { commandLine } from "./systemd-text.js";

/** Longest that a card's driver is waited for at a start of the machine (seconds). Without it, models run on the CPU, which their checks say. */
const driverWaitSeconds = 60;

/**
 * What Ollama is started after where there is an NVIDIA card. A unit of its own, because systemd gives a service its devices before anything of the service runs, and
 * knows a driver's only when that is loaded. It also has the memory module loaded, which CUDA would ask a set-uid program for, in vain in a sandbox. Pure.
 */
export const renderGpuWait = (): string =>
  [
    "[Unit]",
    "Description=NVIDIA's driver is there for Ollama",
    "After=systemd-modules-load.service nvidia-persistenced.service",
    "",
    "[Service]",
    "Type=oneshot",
    `ExecStart=${commandLine(["/bin/sh", "-c", waitForDriver])}`,
    `TimeoutStartSec=${driverWaitSeconds + 60}`,
    "",
  ].join("\n");

const waitForDriver = [
  "command -v nvidia-modprobe >/dev/null && nvidia-modprobe -c 0 -u",
  `n=0; until [ -c /dev/nvidia0 ] && [ -c /dev/nvidia-uvm ]; do n=$((n+1)); [ $n -gt ${driverWaitSeconds} ] && exit 0; sleep 1; done`,
].join("; ");

/** Whether the machine has a graphics card of NVIDIA's, by its PCI bus: also before any driver is there. */
export async function hasNvidiaCard(devices = "/sys/bus/pci/devices"): Promise<boolean> {
  for (const device of await readdir(devices).catch(() => [])) {
    const read = (name: string): Promise<string> => readFile(join(devices, device, name), "utf8").catch(() => "");
    if (isNvidiaCard(await read("vendor"), await read("class"))) return true;
  }
  return false;
}

/** PCI vendor 0x10de and class 0x03, display controllers: their sound devices are of another class (pci.ids). Pure. */
export const isNvidiaCard = (vendor: string, pciClass: string): boolean =>
  vendor.trim() === "0x10de" && pciClass.trim().startsWith("0x03");
