import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecretNeedle } from "../../../keystore/secret-scan.js";
import { scanForSecrets, type Leak } from "../../../scripts/rehearsal/scan.js";
import { until } from "../e2e/adversity/troubles.js";
import type { Searched } from "../hosts/searched.js";
import { mustDocker } from "../machines/docker-engine.js";
import { ensureImage } from "../machines/image.js";
import { everythingOf, logsOf, removeEverythingOf } from "./engine.js";

/** Looks for keys in everything that an engine keeps or tells of these: configuration, history and layers of images, logs, writable layers, volumes, processes. */
async function scanEngine(
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

/** Whatever is on the tests' engine by names that begin so, as a place that is searched. There need be nothing. */
export const onEngine = (prefix: string): Searched => {
  let plants = "";
  return {
    search: async (needles) => {
      const lines = [...(await everythingOf(prefix)), ...(plants === "" ? [] : await everythingOf(plants))];
      const named = (kind: string): string[] =>
        lines.flatMap((line) => (line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : []));
      const things = { containers: named("container"), images: named("image"), volumes: named("volume") };
      return scanEngine(things, needles);
    },
    plant: async (text) => {
      plants = `planted-${randomBytes(3).toString("hex")}`;
      const folder = await mkdtemp(join(tmpdir(), "docker-plant-"));
      await writeFile(join(folder, "file"), text);
      await writeFile(join(folder, "Dockerfile"), `FROM ${await ensureImage()}\nENV KEY=${text}\nCOPY file /file\n`);
      await mustDocker("build", "--quiet", "--tag", `${plants}:test`, folder);
      await rm(folder, { recursive: true });
      const loud = ["--network", "none", "--env", `KEY=${text}`, "--volume", `${plants}:/kept`];
      const says = `echo ${text} | tee /kept/a /tmp/b; sleep 600`;
      const run = ["run", "--detach", "--name", plants, ...loud, "--entrypoint", "/bin/sh", `${plants}:test`];
      await mustDocker(...run, "-c", says);
      await until("its log", async () => (await logsOf(plants)).includes(text));
      return {
        in: [
          ...["inspect", "logs", "files"].map((what) => `${what} ${plants}`),
          ...["inspect", "history", "layers"].map((what) => `${what} ${plants}:test`),
          ...["_data/a", "environ", "cmdline"],
        ],
        remove: async () => {
          await removeEverythingOf(plants);
          plants = "";
        },
      };
    },
  };
};
