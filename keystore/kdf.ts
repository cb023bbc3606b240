import { createHash, randomBytes, scrypt } from "node:crypto";
import { z } from "zod";

/** Where a passphrase comes from. Each call gives fresh bytes, which the caller zeroes. @throws PassphraseMissing LF1109 */
export type PassphraseSource = () => Promise<Uint8Array>;

/** How a passphrase was stretched. `N` is the cost: time and memory (128 · N · r bytes) grow with it. */
export const kdfSchema = z.strictObject({
  name: z.literal("scrypt"),
  /** A power of two from 2^10 to 2^20. New records: 2^15, which is about 0.1 s and 32 MiB. */
  N: z
    .number()
    .int()
    .min(1 << 10)
    .max(1 << 20)
    .refine((cost) => (cost & (cost - 1)) === 0),
  r: z.literal(8),
  p: z.literal(1),
});
export type Kdf = z.infer<typeof kdfSchema>;

/** What new records are sealed with (RFC 7914; the cost is that of OWASP's list for interactive use). */
export const defaultKdf: Kdf = { name: "scrypt", N: 1 << 15, r: 8, p: 1 };

/** What a passphrase and a salt give. */
export interface StretchedKey {
  /** Seals: 32 bytes. Shared by all users in this process: never zero it. */
  readonly key: Uint8Array;
  /** Says whether the passphrase was right, without saying anything about the key: 32 bytes. */
  readonly check: Uint8Array;
}

/** A salt for a new store. */
export const newSalt = (): Uint8Array => Uint8Array.from(randomBytes(16));

/**
 * Stretches a passphrase. The result is kept in this process, so that a run over many records pays for it once; it is found by a hash over passphrase,
 * salt and cost, so another passphrase never meets a key that is not its own.
 */
export async function stretch(passphrase: Uint8Array, salt: Uint8Array, kdf: Kdf): Promise<StretchedKey> {
  const id = createHash("sha256")
    .update(`${kdf.name} ${kdf.N} ${kdf.r} ${kdf.p} ${salt.length} `)
    .update(salt)
    .update(passphrase)
    .digest("hex");
  const known = stretched.get(id);
  if (known) return known;
  const fresh = derive(passphrase, salt, kdf);
  if (stretched.size >= mostKept) stretched.clear();
  stretched.set(id, fresh);
  fresh.catch(() => stretched.delete(id));
  return fresh;
}

const mostKept = 64;
const stretched = new Map<string, Promise<StretchedKey>>();

function derive(passphrase: Uint8Array, salt: Uint8Array, kdf: Kdf): Promise<StretchedKey> {
  const { N, r, p } = kdf;
  const copy = Uint8Array.from(passphrase); // the caller zeroes its own before the thread is done
  return new Promise((resolve, reject) => {
    scrypt(copy, salt, 64, { N, r, p, maxmem: 256 * N * r }, (error, bytes) => {
      copy.fill(0);
      if (error) return reject(error);
      const check = createHash("sha256")
        .update("lightchain-fleet passphrase check")
        .update(bytes.subarray(32))
        .digest();
      resolve({ key: Uint8Array.from(bytes.subarray(0, 32)), check: Uint8Array.from(check) });
      bytes.fill(0);
    });
  });
}
