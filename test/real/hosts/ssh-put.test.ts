import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { archiveFile } from "../../../components/host/bundle-archive.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { host as hostResource } from "../../../components/host/host-provider.js";
import { openHost, type Host } from "../../../components/host/host.js";
import { stagedArchive } from "../../../components/host/shell/scripts.js";
import type { SshWay } from "../../../components/host/ssh/reference.js";
import { runProcess } from "../../../system/process.js";
import { openSmallDisk, whyNoDisks } from "../e2e/adversity/small-disk.js";
import { layCable } from "./cut.js";
import { makeSmallBundle, writeManifest } from "./small-bundle.js";
import { startSshd, whyNoSshd, type Sshd } from "./sshd.js";

describe.skipIf(whyNoSshd() !== undefined)("a bundle that is brought to a host by SSH", () => {
  let sshd: Sshd;
  let folder: string;
  let root: string;
  let bundle: string;
  let target: string;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.end());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lf-put-"));
    root = join(folder, "the host's $HOME");
    bundle = await makeSmallBundle(join(folder, "bundle"));
    target = join(root, "bundles", await readBundleHash(bundle));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
    await rm(staged(await readBundleHash(bundle).catch(() => "0x")), { force: true });
  });

  const hostAt = (place: string, way: Partial<SshWay> = {}): Host =>
    openHost({ kind: "ssh", name: "there", root: place, ...(sshd.way as SshWay), ...way });
  const staged = (hash: string): string => join(homedir(), stagedArchive(hash));
  const names = async (): Promise<string[]> =>
    existsSync(root) ? (await readdir(root, { recursive: true })).sort() : [];

  test("is there whole afterwards, under its hash, for its owner alone", async () => {
    const host = hostAt(root);
    expect(await host.present()).toBe(false);
    expect(await host.put(bundle)).toBe(await readBundleHash(bundle));
    expect(await host.present()).toBe(true);
    expect((await readdir(join(root, "bundles"))).length).toBe(1);
    const { stdout } = await runProcess("diff", ["-r", bundle, target]);
    expect(stdout).toBe("");
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    expect((await stat(join(target, "node"))).mode & 0o700).toBe(0o700);
  });

  test("is not brought again", async () => {
    await hostAt(root).put(bundle);
    const { ino, mtimeMs } = await stat(join(target, "node"));
    await hostAt(root).put(bundle);
    expect(await stat(join(target, "node"))).toMatchObject({ ino, mtimeMs });
  });

  test("that is put again is the one whose host program answers from then on, and is told apart from one that is gone", async () => {
    const host = hostAt(root);
    const other = await makeSmallBundle(join(folder, "other"), { "other.js": "another" });
    const [first, second] = [await host.put(bundle), await host.put(other)];
    const putLast = async (): Promise<string> =>
      (await runProcess("ls", ["-1t", join(root, "bundles")])).stdout.split("\n")[0] ?? "";
    expect(await putLast()).toBe(second);
    await host.put(bundle);
    expect(await putLast()).toBe(first);
    expect([await host.present(first), await host.present(second)]).toEqual([true, true]);
    await rm(join(root, "bundles", second), { recursive: true });
    expect([await host.present(first), await host.present(second), await host.present()]).toEqual([true, false, true]);
  });

  test("is put again by its host's resource when the one that was put last does not start", async () => {
    const bundleHash = await hostAt(root).put(bundle); // its programs say nothing, as one that does not start
    const stated = { kind: "ssh", name: "there", root, connection: sshd.way, ollama: "/o", ollamaPort: 1 };
    const wanted = { ...stated, contextLength: 0, bundle, wantedBundle: bundleHash };
    const facts = { host: "there", sealKey: "ab".repeat(32), os: "", arch: "", node: "", services: "supervisor" };
    const state = {
      ...{ ...wanted, bundleHash, ollamaUrl: "http://127.0.0.1:1", reference: hostAt(root).reference },
      facts: { ...facts, cpus: 1, memoryBytes: 1, freeDiskBytes: 1 },
    };
    expect((await hostResource.diff("", state, wanted)).changes).toBe(true);
    await expect(hostResource.update("", state, wanted)).rejects.toThrow(
      /^LF1522: Host there gave no answer to "facts"/,
    );
  });

  test("is brought again when a file of it was damaged since", async () => {
    await hostAt(root).put(bundle);
    await appendFile(join(target, "wasm/part.js"), "damage");
    await hostAt(root).put(bundle);
    expect(await readFile(join(target, "wasm/part.js"), "utf8")).toBe("// in a folder of its own\n");
    expect(await readdir(join(root, "bundles"))).toEqual([await readBundleHash(bundle)]);
  });

  test("counts for nothing when the connection was cut in the middle, and the same put then brings it", async () => {
    const large = await makeSmallBundle(join(folder, "large"), { "random.bin": randomBytesOf(30_000_000) });
    const cable = await layCable(sshd.port);
    const { server } = sshd.way;
    const host = hostAt(root, { server: { ...server, port: cable.port } });
    cable.cut(8_000_000);
    await expect(host.put(large)).rejects.toThrow(/^LF1537: .* was lost/);
    cable.mend();
    await expect.poll(names, { timeout: 10_000 }).toEqual([]); // the host itself takes away what did not come whole
    await host.put(large);
    expect(await readdir(join(root, "bundles"))).toEqual([await readBundleHash(large)]);
    await cable.close();
  });

  test("is refused where it is not what its manifest says, and nothing is left there", async () => {
    await appendFile(join(bundle, "wasm/part.js"), "damage");
    await expect(hostAt(root).put(bundle)).rejects.toThrow(
      /^LF1535: .*arrived damaged \(wasm\/part\.js: FAILED.*npm run bundle/,
    );
    expect(existsSync(root)).toBe(false);
  });

  test("is refused by a machine of another kind before anything is brought", async () => {
    const node = await open(join(bundle, "node"), "r+");
    await node.write(Buffer.from([0xb7, 0]), 0, 2, 18); // ELF's e_machine: AArch64
    await node.close();
    await writeManifest(bundle);
    await expect(hostAt(root).put(bundle)).rejects.toThrow(
      /^LF1534: .* is a Linux x86_64 machine, .* for Linux aarch64/,
    );
    expect(existsSync(root)).toBe(false);
  });

  test("leaves what is in its folder alone when it cannot be brought there", async () => {
    await mkdir(root, { recursive: true });
    await writeFile(join(root, "bundles"), "a file of the user's");
    await expect(hostAt(root).put(bundle)).rejects.toThrow(/^LF1535: .*bundles.*: File exists/);
    expect(await readFile(join(root, "bundles"), "utf8")).toBe("a file of the user's");
  });

  test("is taken from an archive that was staged in the user's home, which is then gone", async () => {
    const hash = await readBundleHash(bundle);
    const archive = await archiveFile(bundle);
    expect(await archiveFile(bundle)).toBe(archive);
    await copyFile(archive, staged(hash));
    // A way in which nothing large passes: had it been uploaded, the cable would have been cut.
    const large = await makeSmallBundle(join(folder, "large"), { "random.bin": randomBytesOf(3_000_000) });
    await copyFile(await archiveFile(large), staged(await readBundleHash(large)));
    const cable = await layCable(sshd.port);
    cable.cut(500_000);
    const host = hostAt(root, { server: { ...sshd.way.server, port: cable.port } });
    await host.put(large);
    await host.put(bundle);
    expect(existsSync(staged(hash))).toBe(false);
    expect(existsSync(staged(await readBundleHash(large)))).toBe(false);
    await cable.close();
  });

  test("is uploaded after all when the staged archive is another or damaged", async () => {
    const hash = await readBundleHash(bundle);
    const other = await makeSmallBundle(join(folder, "other"), { "other.js": "another" });
    await copyFile(await archiveFile(other), staged(hash));
    await hostAt(root).put(bundle);
    expect(existsSync(join(target, "other.js"))).toBe(false);
    expect(existsSync(staged(hash))).toBe(false);
    await rm(root, { recursive: true });
    await writeFile(staged(hash), "no archive");
    await hostAt(root).put(bundle);
    expect(existsSync(join(target, "manifest.json"))).toBe(true);
  });

  test("is named when the folder of the bundle is none", async () => {
    await expect(hostAt(root).put(join(folder, "nowhere"))).rejects.toThrow(/^LF1520: /);
  });
});

describe.skipIf(whyNoSshd() !== undefined)("a bundle that does not fit on a host's disk", () => {
  test("is refused with the way out, leaves nothing there, and comes when there is room", async ({ skip }) => {
    const noDisks = await whyNoDisks(join(tmpdir(), `lf-put-disk-${process.pid}`));
    skip(noDisks !== undefined, noDisks);
    const sshd = await startSshd();
    const folder = await mkdtemp(join(tmpdir(), "lf-put-"));
    const disk = await openSmallDisk(join(folder, "disk"), 4 * 1024 ** 2);
    try {
      const large = await makeSmallBundle(join(folder, "large"), { "random.bin": randomBytesOf(6_000_000) });
      const host = openHost({ kind: "ssh", name: "there", root: join(disk.folder, "root"), ...(sshd.way as SshWay) });
      await expect(host.put(large)).rejects.toThrow(/^LF1535: .*No space left on device.* Next: free some 300 MB/);
      expect(await readdir(disk.folder)).toEqual([]);
      await disk.grow();
      await host.put(large);
      await runProcess("mount", ["-o", "remount,ro", disk.folder]);
      await expect(host.put(await makeSmallBundle(join(folder, "next"), { "a.js": "" }))).rejects.toThrow(
        /^LF1535: .*Read-only file system.* Next: mount the disk/,
      );
      expect(await readdir(join(disk.folder, "root/bundles"))).toEqual([await readBundleHash(large)]);
    } finally {
      await disk.unmount();
      await sshd.end();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** What no compression makes smaller, the same each time. */
function randomBytesOf(size: number): Buffer {
  const parts = Array.from({ length: Math.ceil(size / 32) }, (_, index) =>
    createHash("sha256").update(String(index)).digest(),
  );
  return Buffer.concat(parts, size);
}
