import { randomBytes } from "node:crypto";
import { readFile, realpath, stat } from "node:fs/promises";
import nacl from "tweetnacl";
import { FleetError } from "../schema/errors.js";
import { isErrno, readIfPresent, writeAtomically } from "../system/files.js";
import type { Layout } from "./layout.js";
import { pathOnEngine } from "./volume-path.js";
import { openRoot } from "./root.js";

/** The file beside a host's key that says where the key was made. */
export const placeOfKey = (hostKey: string): string => `${hostKey}.place`;

/** LF1313: the host's folder is a copy: its key, and every secret sealed to it, belong to the folder it was copied from. */
export class HostCopied extends FleetError {
  constructor(hostKey: string, origin: string) {
    super(
      "LF1313",
      `${hostKey} is a copy of a key that was made at ${origin}: nothing that was sealed there runs here.`,
      {
        fix: `let one of the two serve. If the other is gone for good: rm ${hostKey} ${placeOfKey(hostKey)}, then LIGHTCHAIN_HOLDER_GONE=<host>#<epoch> pulumi up, as pulumi up then says.`,
      },
    );
  }
}

/** LF1344: the host's key was made anew, so that a secret that was given to the host before is none of its any more. */
export class HostKeyChanged extends FleetError {
  constructor(hostKey: string) {
    super("LF1344", `${hostKey} is another key than the one that the worker's secret was given to.`, {
      fix: "pulumi up, which seals it anew.",
    });
  }
}

/**
 * The host's X25519 secret; the caller zeroes it. A key knows the path and the file it was made as: a folder that was copied or restored elsewhere would
 * otherwise open what was sealed to the first, and be a second signer with the same key.
 * @throws HostCopied LF1313; ENOENT when there is none
 */
export async function readHostKey(hostKey: string): Promise<Buffer> {
  const secret = await readFile(hostKey);
  const { here, plainly } = await placeOf(hostKey);
  const made = await readIfPresent(placeOfKey(hostKey));
  if (made === undefined) await writeAtomically(placeOfKey(hostKey), here, "private");
  else if (made !== here && made !== plainly) {
    secret.fill(0);
    throw new HostCopied(hostKey, made.slice(made.indexOf(" ") + 1));
  }
  return secret;
}

/** The public half of the host's own key, which is made at first contact. @throws HostCopied LF1313 */
export async function hostPublicKey(layout: Layout): Promise<Uint8Array> {
  await openRoot(layout);
  const { hostKey } = layout;
  const secret = await readHostKey(hostKey).catch(async (error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
    const fresh = randomBytes(32);
    await writeAtomically(hostKey, fresh, "private");
    await writeAtomically(placeOfKey(hostKey), (await placeOf(hostKey)).here, "private");
    return fresh;
  });
  return publicHalf(secret);
}

/** The same, hex, of a key that is there; `null` when there is none. Makes nothing. @throws HostCopied LF1313 */
export async function presentPublicKey({ hostKey }: Layout): Promise<string | null> {
  try {
    return Buffer.from(publicHalf(await readHostKey(hostKey))).toString("hex");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/**
 * That a host's key is where it was made and still the one with this public half (hex): what was encrypted for that host may be used here.
 * @throws HostCopied LF1313, HostKeyChanged LF1344; ENOENT when there is none
 */
export async function requireOriginal(hostKey: string, sealKey: string): Promise<void> {
  const present = Buffer.from(publicHalf(await readHostKey(hostKey))).toString("hex");
  if (present !== sealKey) throw new HostKeyChanged(hostKey);
}

function publicHalf(secret: Uint8Array): Uint8Array {
  const { publicKey } = nacl.box.keyPair.fromSecretKey(secret);
  secret.fill(0);
  return publicKey;
}

/**
 * Inode and path: a copy differs in one of them at least, a restart of the machine changes neither. In a container, where every volume of ours is at the same path, it is
 * the volume's path on its engine.
 * @returns also the `plainly` written one, of versions that did not know containers
 */
async function placeOf(hostKey: string): Promise<{ here: string; plainly: string }> {
  const [path, { ino }, mounts] = await Promise.all([
    realpath(hostKey),
    stat(hostKey),
    readFile("/proc/self/mountinfo", "utf8").catch(() => ""), // a system without it has no containers either
  ]);
  return { here: `${ino} ${pathOnEngine(path, mounts)}`, plainly: `${ino} ${path}` };
}
