import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Bytes of a symmetric key. */
export const keyBytes = 32;
/** Bytes of an AES-GCM nonce. */
export const nonceBytes = 12;
const tagBytes = 16;
/** How much longer an envelope is than its plaintext: nonce and tag. */
export const envelopeOverheadBytes = nonceBytes + tagBytes;

/** Why an envelope cannot be made or opened: a key that is not 32 bytes, too few bytes, or bytes that this key did not seal. */
export type EnvelopeFault = "wrong key length" | "wrong nonce length" | "too short" | "bad tag";

/** An envelope that cannot be made or opened. Carries no key and no content. */
export class EnvelopeError extends Error {
  constructor(readonly fault: EnvelopeFault) {
    super(`cannot use the envelope: ${fault}`);
    this.name = "EnvelopeError";
  }
}

/**
 * Seals bytes with AES-256-GCM: nonce (12) · ciphertext · tag (16), no associated data. Sealing the same bytes twice gives different envelopes.
 * Source: sidecar reference §2.1.
 *
 * @param nonce 12 bytes, never used before with this key. Default: random; given only where a result must be reproducible
 * @throws EnvelopeError when the key is not 32 or the nonce not 12 bytes
 */
export function seal(key: Uint8Array, plaintext: Uint8Array, nonce: Uint8Array = randomBytes(nonceBytes)): Uint8Array {
  if (key.length !== keyBytes) throw new EnvelopeError("wrong key length");
  if (nonce.length !== nonceBytes) throw new EnvelopeError("wrong nonce length");
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  const envelope = new Uint8Array(plaintext.length + envelopeOverheadBytes);
  envelope.set(nonce);
  envelope.set(cipher.update(plaintext), nonceBytes);
  cipher.final();
  envelope.set(cipher.getAuthTag(), nonceBytes + plaintext.length);
  return envelope;
}

/**
 * Opens what {@link seal} made. Nothing is returned unless every bit is as it was sealed.
 * @throws EnvelopeError
 */
export function open(key: Uint8Array, envelope: Uint8Array): Uint8Array {
  if (key.length !== keyBytes) throw new EnvelopeError("wrong key length");
  if (envelope.length < envelopeOverheadBytes) throw new EnvelopeError("too short");
  const decipher = createDecipheriv("aes-256-gcm", key, envelope.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAuthTag(envelope.subarray(envelope.length - tagBytes));
  const content = decipher.update(envelope.subarray(nonceBytes, envelope.length - tagBytes));
  try {
    decipher.final();
  } catch {
    content.fill(0);
    throw new EnvelopeError("bad tag");
  }
  const plaintext = new Uint8Array(content);
  content.fill(0);
  return plaintext;
}
