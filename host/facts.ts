import { arch, cpus, release, totalmem, type } from "node:os";
import { statfs } from "node:fs/promises";
import type { HostFacts } from "../schema/host.js";
import { nvidiaGpus } from "./gpus.js";
import type { Layout } from "./layout.js";
import { hostPublicKey } from "./host-key.js";
import type { ServiceManager } from "./services/unit.js";

/** What this machine is. */
export async function factsOf(host: string, layout: Layout, services: ServiceManager): Promise<HostFacts> {
  const sealKey = Buffer.from(await hostPublicKey(layout)).toString("hex");
  const disk = await statfs(layout.root);
  return {
    host,
    sealKey,
    os: `${type()} ${release()}`,
    arch: arch(),
    node: process.version,
    services: services.kind,
    secrets: (await services.confinement?.credentials()) === undefined ? "sealed" : "credential",
    cpus: cpus().length,
    memoryBytes: totalmem(),
    freeDiskBytes: disk.bavail * disk.bsize,
    gpus: await nvidiaGpus(),
  };
}
