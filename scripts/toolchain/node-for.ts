import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar";
import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import { systemClock } from "../../system/clock.js";
import { packageRoot } from "../../system/package-root.js";
import { runProcess } from "../../system/process.js";
import { cacheFolder } from "../../system/cache-folder.js";
import { ensureEntry } from "./cache.js";
import { nodeVersion } from "./node-runtime.js";
import type { Platform } from "./platform.js";

/** LF1016: the Node program for another kind of machine, which a bundle for it is built with, could not be had. */
export class NodeUnavailable extends FleetError {
  constructor(name: string, why: string) {
    super("LF1016", `npm's ${name}@${nodeVersion} could not be had: ${why}.`, {
      fix: "check the network or the proxy (npm config get registry), then: npm run bundle",
    });
  }
}

/** What the bootstrap, which runs before anything is compiled, knows of npm and of Node's packages. */
const bootstrapSchema = z.object({
  nodeIntegrity: z.record(z.string(), z.string()),
  findNpm: z.custom<(env: NodeJS.ProcessEnv, node: string) => { file: string; args: string[] }>(
    (value) => typeof value === "function",
  ),
});

/** The Node program for another kind of machine: from npm's package, whose hash is pinned, into the cache. @throws NodeUnavailable */
export async function nodeFor(platform: Platform): Promise<string> {
  const bootstrap = createRequire(__filename)(join(packageRoot(), "scripts", "bootstrap", "packages.cjs")) as unknown;
  const { nodeIntegrity, findNpm } = bootstrapSchema.parse(bootstrap);
  const name = `node-${platform}`;
  const integrity = nodeIntegrity[name];
  if (integrity === undefined) throw new NodeUnavailable(name, "its hash is not pinned here");
  const entry = await ensureEntry({
    cache: cacheFolder(process.env),
    recipe: { tool: name, version: nodeVersion, ingredients: integrity },
    clock: systemClock,
    onWaiting: () => undefined,
    produce: async (folder) => {
      const packed = await mkdtemp(join(tmpdir(), "lightchain-node-"));
      try {
        const archive = await packageFrom(findNpm(process.env, process.execPath), name, packed);
        const content = await readFile(archive);
        const actual = `sha512-${createHash("sha512").update(content).digest("base64")}`;
        if (actual !== integrity) throw new NodeUnavailable(name, `its hash is ${actual}, not ${integrity}`);
        await mkdir(join(folder, "bin"));
        const wanted = "package/bin/node";
        await extract({ file: archive, cwd: join(folder, "bin"), strip: 2, filter: (path) => path === wanted });
        await chmod(join(folder, "bin", "node"), 0o755);
        return "downloaded";
      } finally {
        await rm(packed, { recursive: true, force: true });
      }
    },
  });
  return join(entry.folder, "bin", "node");
}

async function packageFrom(npm: { file: string; args: string[] }, name: string, folder: string): Promise<string> {
  const args = ["pack", `${name}@${nodeVersion}`, "--pack-destination", folder, "--prefer-offline"];
  const ended = await runProcess(npm.file, [...npm.args, ...args, "--ignore-scripts", "--no-update-notifier"], {
    cwd: folder,
    env: Object.fromEntries(
      Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    ),
  });
  const [archive] = (await readdir(folder)).filter((file) => file.endsWith(".tgz"));
  if (ended.code !== 0 || archive === undefined)
    throw new NodeUnavailable(name, ended.stderr.trim().split("\n").at(-1) ?? "npm pack says nothing");
  return join(folder, archive);
}
