import { mkdir, mkdtemp, readdir, readlink, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { layoutOf, type Layout } from "../../host/layout.js";
import { isKept, withOwnBundle } from "../../host/own-bundle.js";

const [one, other] = [`0x${"11".repeat(32)}`, `0x${"22".repeat(32)}`] as const;
let folder: string;
let layout: Layout;
let own: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fl-"));
  layout = layoutOf(join(folder, "root"));
  own = join(folder, "image");
  await bundleAt(own, one);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function bundleAt(path: string, hash: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFile(
    join(path, "manifest.json"),
    JSON.stringify({ version: 1, hash, fleet: "0.0.0", node: "v24.0.0", files: {} }),
  );
}
const bundles = (): Promise<string[]> => readdir(join(folder, "root", "bundles")).catch(() => []);

test("a bundle that came with the machine is among the host's while it is made to serve, and after", async () => {
  const seen = await withOwnBundle(layout, own, one, () => realpath(layout.bundle(one)));
  expect(seen).toBe(await realpath(own));
  expect(await readlink(layout.bundle(one))).toBe(own);
});

test("a name by which the image's former bundle was called leads on until the new one serves, and then goes", async () => {
  await withOwnBundle(layout, own, one, () => Promise.resolve());
  await bundleAt(own, other); // the image was replaced
  const during = await withOwnBundle(layout, own, other, bundles);
  expect(during.sort()).toEqual([one, other]);
  expect(await bundles()).toEqual([other]);
});

test("a new bundle that cannot be made to serve leaves the former's name", async () => {
  await withOwnBundle(layout, own, one, () => Promise.resolve());
  await bundleAt(own, other);
  await expect(withOwnBundle(layout, own, other, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect((await bundles()).sort()).toEqual([one, other]);
});

test("a bundle that has to be brought, or was, is nobody's to link", async () => {
  await withOwnBundle(layout, own, other, () => Promise.resolve());
  expect(await bundles()).toEqual([]);
  await bundleAt(layout.bundle(one), one);
  await symlink("/elsewhere", join(folder, "root", "bundles", "mine"));
  await withOwnBundle(layout, own, one, () => Promise.resolve());
  expect((await bundles()).sort()).toEqual([one, "mine"]);
});

test("a bundle can be gone back to as long as its own files are here, and not by a name that leads to its successor", async () => {
  await withOwnBundle(layout, own, one, () => Promise.resolve());
  expect(await isKept(layout, one)).toBe(true);
  await bundleAt(own, other); // the image was replaced
  expect(await isKept(layout, one)).toBe(false);
  expect(await isKept(layout, other)).toBe(false); // not named yet
  await bundleAt(layout.bundle(other), other); // brought, as over SSH
  expect(await isKept(layout, other)).toBe(true);
});
