import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { extract } from "tar";

/** How an archive is packed, by its first bytes (RFC 1952, RFC 8878): a name may say anything. Pure. */
export function packingOf(beginning: Uint8Array): "gzip" | "zstd" | undefined {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, index) => beginning[index] === byte);
  if (starts(0x1f, 0x8b)) return "gzip";
  return starts(0x28, 0xb5, 0x2f, 0xfd) ? "zstd" : undefined;
}

/**
 * Unpacks a packed tar archive into a folder that is there. Nothing in it can come to lie outside of the folder, and everything is this user's.
 * @throws Error when it is none, or is damaged
 */
export async function unpack(archive: string, folder: string): Promise<void> {
  const packing = packingOf(await beginningOf(archive));
  if (packing === undefined) throw new Error("it is neither packed with gzip nor with zstd");
  const plain = packing === "gzip" ? createGunzip() : createZstdDecompress();
  await pipeline(createReadStream(archive), plain, extract({ cwd: folder, strict: true, preserveOwner: false }));
}

async function beginningOf(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
