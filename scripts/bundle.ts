import { createHash } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { copyFile, cp, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { build } from "esbuild";
import { keccak256, stringToBytes } from "viem";
import { archivePaths } from "../components/host/bundle.js";
import { packBundle } from "../components/host/pack-bundle.js";
import { bundleManifestSchema, type BundleManifest, type BundlePlatform } from "../schema/bundle.js";
import { toJson } from "../schema/json.js";
import { systemClock } from "../system/clock.js";
import { readIfPresent, writeAtomically } from "../system/files.js";
import { lock } from "../system/lock.js";
import { compiled, packageRoot } from "../system/package-root.js";
import { nodeFor } from "./toolchain/node-for.js";
import { thisMachine } from "./toolchain/platform.js";

/** What is shipped: each program as one file, by the source it starts from. */
const programs = {
  "sidecar.js": "sidecar/main.ts",
  "kzg-worker.js": "sidecar/kzg/worker.ts",
  "host.js": "host/main.ts",
  "supervisor.js": "host/supervisor/main.ts",
  "container.js": "host/container/main.ts",
} as const;

/** Files that are taken as they are: the native KZG library, where it could be built, and the ceremony's setup that it reads. */
const nativeKzg = "kzg.node";
const libraries = {
  [nativeKzg]: "node_modules/c-kzg/build/Release/kzg.node",
  "trusted_setup.txt": "node_modules/c-kzg/deps/c-kzg/trusted_setup.txt",
} as const;

/** The KZG library for hosts that the native one does not run on. */
const wasm = ["package.json", "dist/esm", "dist/wasm"].map((part) => join("node_modules", "kzg-wasm", part));

type Platform = NonNullable<BundleManifest["platform"]>;
const here = (): Platform => thisMachine().platform;

/**
 * Builds the worker bundle: everything a host needs to run the reconciler and a sidecar, Node included, nothing of Pulumi. The same sources give the
 * same hash. Replaces what is in `outFolder` in one step.
 * @param platform kind of machine that it is for. Default: this one's. For another one the native KZG library is left out: WebAssembly does its work there
 */
export async function buildBundle(
  outFolder = compiled("bundle"),
  platform: Platform = here(),
): Promise<BundleManifest> {
  const root = packageRoot();
  const temporary = `${outFolder}.${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await build({
    entryPoints: Object.entries(programs).map(([out, source]) => ({
      in: join(root, source),
      out: out.slice(0, -".js".length),
    })),
    outdir: temporary,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    minify: true,
    keepNames: true, // class names of errors are shown to people
    legalComments: "none",
    external: ["c-kzg", "kzg-wasm", "bufferutil", "utf-8-validate"],
    logLevel: "error",
    absWorkingDir: root,
  });
  for (const [name, path] of Object.entries(libraries))
    if (existsSync(join(root, path)) && (name !== nativeKzg || platform === here()))
      await copyFile(join(root, path), join(temporary, name));
  for (const path of wasm) {
    await mkdir(dirname(join(temporary, path)), { recursive: true });
    await cp(join(root, path), join(temporary, path), { recursive: true });
  }
  await linkOrCopy(platform === here() ? process.execPath : await nodeFor(platform), join(temporary, "node"));

  const manifest = await describe(temporary, root, platform);
  await writeFile(join(temporary, "manifest.json"), toJson(manifest));
  await rm(outFolder, { recursive: true, force: true });
  await mkdir(dirname(outFolder), { recursive: true });
  await rename(temporary, outFolder);
  return manifest;
}

/**
 * Builds a bundle for each kind of machine that one is shipped to, as `bundle-<platform>.tar.gz` and a copy of its manifest. The same sources give the same bytes.
 */
export async function buildArchives(folder = compiled("")): Promise<Record<BundlePlatform, BundleManifest>> {
  const manifests = [];
  for (const platform of ["linux-x64", "linux-arm64"] as const) {
    const { archive, manifest: copy } = archivePaths(platform, folder);
    const unpacked = join(folder, `bundle-${platform}`);
    const manifest = await buildBundle(unpacked, platform);
    await pipeline(packBundle(unpacked), createWriteStream(`${archive}.part`));
    await rename(`${archive}.part`, archive);
    await writeAtomically(copy, toJson(manifest), "public"); // last: it says that the archive is whole
    await rm(unpacked, { recursive: true, force: true });
    manifests.push([platform, manifest] as const);
  }
  return Object.fromEntries(manifests) as Record<BundlePlatform, BundleManifest>;
}

async function describe(folder: string, root: string, platform: Platform): Promise<BundleManifest> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, sha256(await readFile(join(folder, name)))] as const)),
  );
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  return bundleManifestSchema.parse({
    version: 1,
    hash: keccak256(stringToBytes(names.map((name) => `${name} ${files[name] ?? ""}\n`).join(""))),
    fleet: version,
    node: process.version,
    platform,
    kzg: names.includes(nativeKzg) ? "native" : "wasm",
    files,
  });
}

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** Hard links keep the 120 MB of Node from being copied for each host on this machine. */
const linkOrCopy = (from: string, to: string): Promise<void> => link(from, to).catch(() => copyFile(from, to));

/** Builds the bundle unless the one in `dist/` is of these very sources and libraries. One process at a time does. */
export async function ensureBundle(): Promise<void> {
  const stampFile = compiled("bundle.stamp");
  const held = await lock(compiled("bundle.lock"), 120_000, systemClock);
  try {
    const stamp = await stampOf();
    const isFresh = (await readIfPresent(stampFile)) === stamp && existsSync(compiled("bundle/manifest.json"));
    if (isFresh) return;
    await buildBundle();
    await writeAtomically(stampFile, stamp, "public");
  } finally {
    held?.release();
  }
}

/** What a bundle is made of, told apart cheaply: the compiled sources' own stamp, and the libraries by size and time. */
async function stampOf(): Promise<string> {
  const sources = await readIfPresent(compiled(".build.json"));
  const taken = await Promise.all(
    Object.values(libraries).map(async (path) => {
      const found = await stat(join(packageRoot(), path)).catch(() => undefined);
      return [path, found?.size, found?.mtimeMs];
    }),
  );
  return createHash("sha256")
    .update(JSON.stringify([sources, taken, process.version]))
    .digest("hex");
}

/** `bundle.js [--here]`: with `--here` only the folder for this machine. */
async function main(): Promise<void> {
  process.stdout.write(`${(await buildBundle()).hash}\n`);
  if (process.argv.includes("--here")) return;
  for (const [platform, { hash, kzg }] of Object.entries(await buildArchives()))
    process.stdout.write(`${hash}  ${compiled(`bundle-${platform}.tar.gz`)} (KZG ${kzg ?? ""})\n`);
}

if (require.main === module) void main();
