import { createHash } from "node:crypto";
import { mkdtemp, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { list } from "tar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { archiveOf } from "../../../components/host/bundle.js";
import type { BundleManifest, BundlePlatform } from "../../../schema/bundle.js";
import { bundleManifestSchema } from "../../../schema/bundle.js";
import { hostVerbs } from "../../../schema/host.js";
import { buildArchives } from "../../../scripts/bundle.js";
import { runProcess } from "../../../system/process.js";

/* The bundle for each kind of machine, built twice from the same sources. */

let folder: string;
const built: { folder: string; manifests: Record<BundlePlatform, BundleManifest> }[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-archives-"));
  for (const name of ["one", "two"]) {
    await mkdir(join(folder, name));
    built.push({ folder: join(folder, name), manifests: await buildArchives(join(folder, name)) });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sha256 = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
};
const own = process.arch === "arm64" ? "linux-arm64" : "linux-x64";
const machines = { "linux-x64": 0x3e, "linux-arm64": 0xb7 } as const; // e_machine of ELF

describe.each(["linux-x64", "linux-arm64"] as const)("the archive for %s", (platform) => {
  test("is the same bytes each time, and nothing is left beside it", async () => {
    const [one, two] = await Promise.all(built.map(({ folder }) => archiveOf(platform, folder)));
    expect(one!.hash).toBe(two!.hash);
    expect(await sha256(one!.path)).toBe(await sha256(two!.path));
    expect((await readdir(built[0]!.folder)).filter((name) => name.includes(platform)).sort()).toEqual([
      `bundle-${platform}.json`,
      `bundle-${platform}.tar.gz`,
    ]);
  });

  test("holds what its manifest lists, sorted, without owners and times, and only Node may be run", async () => {
    const { path, hash } = await archiveOf(platform, built[0]!.folder);
    const entries: { path: string; mode: number | undefined; mtime: number | undefined; uid: number | undefined }[] =
      [];
    await list({
      file: path,
      onReadEntry: ({ path, mode, mtime, uid }) => entries.push({ path, mode, mtime: mtime?.getTime(), uid }),
    });
    const names = entries.map((entry) => entry.path);
    const manifest = built[0]!.manifests[platform];
    expect(manifest.hash).toBe(hash);
    expect(names).toEqual([...names].sort());
    expect(names.sort()).toEqual([...Object.keys(manifest.files), "manifest.json"].sort());
    expect(new Set(entries.map(({ mtime, uid }) => `${mtime} ${uid}`))).toEqual(new Set(["0 undefined"]));
    expect(entries.filter(({ mode }) => mode !== 0o644).map(({ path, mode }) => [path, mode])).toEqual([
      ["node", 0o755],
    ]);
  });

  test("unpacks to a whole bundle with the Node of its kind of machine; another machine's KZG library is WebAssembly", async () => {
    const { path } = await archiveOf(platform, built[0]!.folder);
    const unpacked = join(folder, `unpacked-${platform}`);
    await mkdir(unpacked);
    expect((await runProcess("tar", ["-xzf", path, "-C", unpacked])).code).toBe(0);
    const manifest = bundleManifestSchema.parse(JSON.parse(await readFile(join(unpacked, "manifest.json"), "utf8")));
    for (const [name, expected] of Object.entries(manifest.files))
      expect(await sha256(join(unpacked, name)), name).toBe(expected);
    const node = await readFile(join(unpacked, "node"));
    expect([node.subarray(0, 4).toString("latin1"), node.readUInt16LE(18)]).toEqual(["\x7fELF", machines[platform]]);
    expect((await stat(join(unpacked, "node"))).mode & 0o111).toBe(0o111);
    expect(manifest).toMatchObject({ platform, node: process.version });
    expect(manifest.kzg === "native").toBe(Object.hasOwn(manifest.files, "kzg.node"));
    if (platform !== own) return expect(manifest.kzg).toBe("wasm");
    const asked = await runProcess(join(unpacked, "node"), [join(unpacked, "host.js"), "preflight"], {
      input: JSON.stringify({ root: folder, host: "here", wants: { ollamaPort: 11_555, gpu: "none" } }),
    });
    expect(hostVerbs.preflight.reply.parse(JSON.parse(asked.stdout)).lines.length).toBeGreaterThan(10);
  });
});

test("an archive that was not built is said to be missing, with the command that builds it", async () => {
  await expect(archiveOf("linux-arm64", folder)).rejects.toThrow(/^LF1520: .*Next: npm run bundle/);
});
