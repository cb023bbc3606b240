import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretNeedle } from "../../../keystore/secret-scan.js";
import { scanForSecrets, type Leak } from "../../../scripts/rehearsal/scan.js";
import { mustDocker } from "../machines/docker-engine.js";
import { logsOf } from "./engine.js";

/** Looks for keys in everything that an engine keeps or tells of these: configuration, history and layers of images, logs, writable layers, volumes, processes. */
export async function scanEngine(
  things: { containers: readonly string[]; images: readonly string[]; volumes: readonly string[] },
  needles: readonly SecretNeedle[],
): Promise<Leak[]> {
  const folder = await mkdtemp(join(tmpdir(), "docker-scan-"));
  const keep = (name: string, text: string): Promise<void> => writeFile(join(folder, name.replaceAll("/", "_")), text);
  try {
    for (const one of things.containers) {
      await keep(`inspect ${one}`, await mustDocker("container", "inspect", one));
      await keep(`logs ${one}`, await logsOf(one));
      await mustDocker("export", "--output", join(folder, `files ${one}`), one);
    }
    for (const one of things.images) {
      await keep(`inspect ${one}`, await mustDocker("image", "inspect", one));
      await keep(`history ${one}`, await mustDocker("history", "--no-trunc", one));
      await mustDocker("save", "--output", join(folder, `layers ${one.replaceAll("/", "_")}`), one);
    }
    const mounted = await Promise.all(
      things.volumes.map((one) => mustDocker("volume", "inspect", "--format", "{{.Mountpoint}}", one)),
    );
    return await scanForSecrets([folder, ...mounted], needles);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
