import { availableParallelism, totalmem } from "node:os";
import { readdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Wants } from "../../schema/host.js";
import { isErrno } from "../../system/files.js";
import { fail, inGib, pass, warn, type Check } from "./check.js";
import { demandOf } from "../../schema/demand.js";

/** Processors. */
export const cpus: Check<number> = {
  name: "processors",
  probe: async () => availableParallelism(),
  judge: (count) => (count >= 2 ? pass(String(count)) : warn(String(count), "give the machine 2 or more processors.")),
};

/** Memory beside the models for the system, the sidecar and what they read from disk. */
const systemBytes = 1.5 * 1024 ** 3;
/** What the network's operators name as the floor beside a GPU; machines of "16 GB" show a little less. */
const gpuHostBytes = 15 * 1024 ** 3;

/** Memory: where there is no GPU, the models' too. */
export const memory: Check<number> = {
  name: "memory",
  // a container's limit counts; without one Node says a number larger than any memory
  probe: async () => Math.min(totalmem(), process.constrainedMemory() || Infinity),
  judge: (bytes, wants) => {
    const demand = demandOf(wants);
    const models = wants.gpu === "none" ? demand.largest.bytes : 0;
    const needed = Math.max(wants.minimumMemoryBytes, models === 0 ? 0 : models + systemBytes);
    const found = inGib(bytes);
    if (bytes < needed) {
      const of = models === 0 ? "" : ` (${demand.largest.name} takes ${inGib(models)})`;
      return fail(`${found}, ${inGib(needed)} needed${of}`, "give the machine more memory, or serve smaller models.");
    }
    if (wants.gpu === "required" && bytes < gpuHostBytes)
      return warn(`${found}, less than the 16 GB that are advised`, "give the machine 16 GB or more.");
    return pass(found + unknown(demand.unknown, wants));
  },
};

/** Free room that journal, logs and one more bundle take (bytes). */
const roomBytes = { must: 256 * 1024 ** 2, should: 5 * 1024 ** 3 } as const;

/** Disk for the weights. */
export const disk: Check<{ folder: string; freeBytes: number; heldBytes: number }> = {
  name: "disk",
  probe: async ({ layout }) => {
    const folder = await nearestFolder(layout.root);
    const { bavail, bsize } = await statfs(folder);
    return { folder, freeBytes: bavail * bsize, heldBytes: await sizeOf(join(layout.ollama, "models", "blobs")) };
  },
  judge: ({ folder, freeBytes, heldBytes }, wants) => {
    const weights = wants.models.reduce((sum, { diskBytes }) => sum + (diskBytes ?? 0), 0);
    const missing = Math.max(0, weights - heldBytes);
    const found = `${inGib(freeBytes)} free in ${folder}`;
    const fix = `df -h ${folder}; free some space there or enlarge the disk.`;
    // what lies in the volume of Ollama's own container is not seen from here
    if (wants.container && freeBytes >= roomBytes.must && freeBytes < missing + roomBytes.must)
      return warn(`${found}, ${inGib(missing)} needed for weights that are not in Ollama's volume yet`, fix);
    if (freeBytes < missing + roomBytes.must)
      return fail(`${found}, ${inGib(missing + roomBytes.must)} needed`, fix, "LF1350");
    if (freeBytes < missing + roomBytes.should)
      return warn(`${found}, little beside the ${inGib(missing)} of weights that are still to come`, fix);
    return pass(found);
  },
};

/** What is added where a model's figures are not known. */
const unknown = (names: readonly string[], { gpu }: Pick<Wants, "gpu">): string =>
  gpu === "required" || names.length === 0 ? "" : `; no figures are known of ${names.join(", ")}`;

/** The folder itself or, before it is made, the one that it will be made in. */
export async function nearestFolder(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (!isErrno(error, "ENOENT") || path === dirname(path)) throw error;
    return nearestFolder(dirname(path));
  }
}

/** Bytes of the files in a folder; none where there is no such folder. */
async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
