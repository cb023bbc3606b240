import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
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
  const told = async (one: string, of: readonly Part[]): Promise<void> => {
    await Promise.all(of.map(async ([part, tell]) => keep(`${part} ${one}`, await tell(one))));
  };
  try {
    await Promise.all(things.containers.map((one) => told(one, ofContainers)));
    await Promise.all(things.images.map((one) => told(one, ofImages)));
    const madeOf = await Promise.all(things.containers.map(imageOf));
    const images = [...things.images, ...madeOf];
    // All at once, so that a layer which they have in common is written once.
    if (images.length > 0) await mustDocker("save", "--output", join(folder, "layers"), ...images);
    const written = new Map<string, string>();
    for (const one of things.containers) {
      const layer = await writableLayerOf(one);
      if (layer === undefined) await mustDocker("export", "--output", join(folder, `files ${one}`), one);
      else written.set(layer, `files ${one}`);
    }
    const mounted = await Promise.all(
      things.volumes.map((one) => mustDocker("volume", "inspect", "--format", "{{.Mountpoint}}", one)),
    );
    const leaks = await scanForSecrets([folder, ...mounted, ...written.keys()], needles);
    return leaks.map(({ where, what }) => ({ where: renamed(where, written), what }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What an engine tells of a thing: a name for it, and how it is asked. */
type Part = readonly [name: string, tell: (one: string) => Promise<string>];

const ofContainers: readonly Part[] = [
  ["inspect", (one) => mustDocker("container", "inspect", one)],
  ["logs", logsOf],
];

const ofImages: readonly Part[] = [
  ["inspect", (one) => mustDocker("image", "inspect", one)],
  ["history", (one) => mustDocker("history", "--no-trunc", one)],
];

const imageOf = (container: string): Promise<string> =>
  mustDocker("container", "inspect", "--format", "{{.Image}}", container);

/** Where what a container has written lies: all of its files that are not its image's. `undefined` where its engine keeps that otherwise. */
async function writableLayerOf(container: string): Promise<string | undefined> {
  const format = "{{with .GraphDriver.Data}}{{.UpperDir}}{{end}}";
  const folder = await mustDocker("container", "inspect", "--format", format, container);
  return isAbsolute(folder) && existsSync(folder) ? folder : undefined;
}

/** A place with the name of the folder that it is in, if that has one. */
function renamed(where: string, names: ReadonlyMap<string, string>): string {
  const [folder, name] = [...names].find(([path]) => where.startsWith(`${path}/`)) ?? ["", ""];
  return `${name}${where.slice(folder.length)}`;
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
          ...["inspect", "history"].map((what) => `${what} ${plants}:test`),
          "/layers",
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
