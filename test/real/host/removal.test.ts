import type * as files from "node:fs/promises";
import { mkdir, mkdtemp, readdir, rm as reallyRemove, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { removeNeedlessBundles } from "../../../host/bundles.js";
import { emptyDocument } from "../../../host/document.js";
import { layoutOf } from "../../../host/layout.js";
import { removeRoot } from "../../../host/root.js";

/** What a removal is killed at, by the name of what it was removing: a part of that is gone by then. */
let killedAt: string | undefined;

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof files>();
  const remove: typeof real.rm = async (path, options) => {
    const name = String(path);
    if (killedAt === undefined || !name.endsWith(killedAt)) return real.rm(path, options);
    const [first] = await real.readdir(name).catch(() => []);
    if (first === undefined) return real.rm(path, options);
    await real.rm(join(name, "0xab", "node"), { force: true });
    throw new Error("killed");
  };
  return { ...real, rm: remove };
});

let root: string;
beforeEach(async () => {
  killedAt = undefined;
  root = join(await mkdtemp(join(tmpdir(), "fleet-removal-")), "host");
  for (const folder of ["workers/home", "ollama/models", "bundles/0xab/node_modules"])
    await mkdir(join(root, folder), { recursive: true });
  for (const file of ["document.json", "host-key", "bundles/0xab/node", "bundles/0xab/manifest.json"])
    await writeFile(join(root, file), "");
});
afterEach(() => reallyRemove(join(root, ".."), { recursive: true, force: true }));

test("a removal that is killed before the bundles leaves them whole, for the next one to be run from", async () => {
  killedAt = "ollama";
  await expect(removeRoot(layoutOf(root))).rejects.toThrow("killed");
  expect(await readdir(join(root, "bundles", "0xab"))).toEqual(["manifest.json", "node", "node_modules"]);
  killedAt = undefined;
  await removeRoot(layoutOf(root));
  expect(await readdir(join(root, ".."))).toEqual([]);
});

test("one that is killed in the bundles leaves none of them, and nothing else but what the next one takes away", async () => {
  killedAt = "bundles";
  await expect(removeRoot(layoutOf(root))).rejects.toThrow("killed");
  expect(await readdir(root)).toEqual([".removed-bundles"]);
  killedAt = undefined;
  await removeRoot(layoutOf(root));
  expect(await readdir(join(root, ".."))).toEqual([]);
});

test("what a killed removal of one bundle left goes with the next look for needless ones", async () => {
  await mkdir(join(root, "bundles", ".removed-0xcd", "node_modules"), { recursive: true });
  expect(await removeNeedlessBundles(layoutOf(root), "0xab", emptyDocument, Date.now())).toEqual([]);
  expect(await readdir(join(root, "bundles"))).toEqual(["0xab"]);
});
