import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretNeedle } from "../../../keystore/secret-scan.js";
import { scanForSecrets, type Leak } from "../../../scripts/rehearsal/scan.js";
import { docker, logsOf } from "./engine.js";

/** Looks for keys in everything that an engine keeps or tells of these: configuration, history and layers of images, logs, writable layers, volumes, processes. */
export async function scanEngine(
  things: { containers: readonly string[]; images: readonly string[]; volumes: readonly string[] },
  needles: readonly SecretNeedle[],
): Promise<Leak[]> {
  const folder = await mkdtemp(join(tmpdir(), "docker-scan-"));
  const keep = (name: string, text: string): Promise<void> => writeFile(join(folder, name.replaceAll("/", "_")), text);
  try {
    for (const one of things.containers) {
      await keep(`inspect ${one}`, await docker("container", "inspect", one));
      await keep(`logs ${one}`, await logsOf(one));
      await docker("export", "--output", join(folder, `files ${one}`), one);
    }
    for (const one of things.images) {
      await keep(`inspect ${one}`, await docker("image", "inspect", one));
      await keep(`history ${one}`, await docker("history", "--no-trunc", one));
      await docker("save", "--output", join(folder, `layers ${one.replaceAll("/", "_")}`), one);
    }
    const mounted = await Promise.all(
      things.volumes.map((one) => docker("volume", "inspect", "--format", "{{.Mountpoint}}", one)),
    );
    return await scanForSecrets([folder, ...mounted], needles);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
