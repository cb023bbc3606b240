import { createReadStream, createWriteStream } from "node:fs";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { bundleManifestSchema } from "../../schema/bundle.js";
import { readBundleHash } from "./bundle.js";
import { packBundle } from "./pack-bundle.js";

/** A bundle folder as one compressed stream. */
export const archiveStream = (folder: string): Readable => Readable.from(packBundle(folder));

/** Archives that are being made: several hosts of a stack want the same one at the same time. */
const making = new Map<string, Promise<string>>();

/** A bundle folder as one compressed file beside it, named by what is in it; made unless it is there, and those of former bundles are removed. */
export function archiveFile(folder: string): Promise<string> {
  const begun = making.get(folder) ?? makeArchive(folder).finally(() => making.delete(folder));
  making.set(folder, begun);
  return begun;
}

async function makeArchive(folder: string): Promise<string> {
  const stem = `${basename(folder)}-`;
  const name = `${stem}${(await readBundleHash(folder)).slice(2, 18)}.tar.gz`;
  const path = join(dirname(folder), name);
  if (await exists(path)) return path;
  const temporary = `${path}.${process.pid}`; // another run may be making it too
  try {
    await pipeline(packBundle(folder), createWriteStream(temporary));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const siblings = await readdir(dirname(folder));
  const former = siblings.filter((one) => one !== name && one.startsWith(stem) && one.endsWith(".tar.gz"));
  await Promise.all(former.map((one) => rm(join(dirname(folder), one), { force: true })));
  return path;
}

/** What `sha256sum -c` holds an unpacked bundle to: every file of it, the manifest too. */
export async function checksumsOf(folder: string): Promise<string> {
  const text = await readFile(join(folder, "manifest.json"), "utf8");
  const { files } = bundleManifestSchema.parse(JSON.parse(text));
  const manifest = createHash("sha256").update(text).digest("hex");
  return [...Object.entries(files), ["manifest.json", manifest]].map(([path, hash]) => `${hash}  ${path}\n`).join("");
}

/** SHA-256 of a file, hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest("hex");
}

/** What machines a bundle is for, as `uname -sm` names them; by the Node in it (ELF header, `e_machine`). */
export async function platformOf(folder: string): Promise<string> {
  const file = await open(join(folder, "node"), "r");
  try {
    const { buffer } = await file.read({ buffer: Buffer.alloc(20), position: 0 });
    return platformIn(buffer);
  } finally {
    await file.close();
  }
}

/** Reads the head of a program. Pure. */
export function platformIn(head: Buffer): string {
  if (head.length < 20 || head.toString("latin1", 0, 4) !== "\x7fELF") return "another system than Linux";
  const machine = head.readUInt16LE(18);
  return { 0x3e: "Linux x86_64", 0xb7: "Linux aarch64" }[machine] ?? `Linux (machine ${machine})`;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
