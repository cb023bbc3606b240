import { randomBytes } from "node:crypto";
import {
  type EncryptionKeyPair,
  type EncryptionPublicKey,
  newEncryptionKeyPair,
  parsePublicKey,
  publicKeyBytes,
  sharedSecret,
} from "./encryption-key.js";
import { envelopeOverheadBytes, keyBytes, open, seal } from "./envelope.js";

/** Bytes of a wrapped session key: ephemeral public key (65), nonce (12), sealed key (32), tag (16). */
export const wrappedSessionKeyBytes = publicKeyBytes + envelopeOverheadBytes + keyBytes;

/** Why a wrapped session key does not open: what is wrong with its bytes, in the order they are looked at. */
export type SessionKeyFault = "too short" | "bad point" | "bad tag" | "wrong length";

/** A wrapped session key that does not open with this key pair. */
export class SessionKeyError extends Error {
  constructor(readonly fault: SessionKeyFault) {
    super(`the wrapped session key does not open: ${fault}`);
    this.name = "SessionKeyError";
  }
}

/** A new random session key. */
export const newSessionKey = (): Uint8Array => new Uint8Array(randomBytes(keyBytes));

/**
 * Wraps a session key for a worker (or the disputer). Source: sidecar reference §2.3.
 *
 * @param using Ephemeral key pair and nonce. Default: new random ones; given only where a result must be reproducible
 * @throws SessionKeyError "wrong length" when the session key is not 32 bytes
 */
export function wrapSessionKey(
  sessionKey: Uint8Array,
  to: EncryptionPublicKey,
  using?: { ephemeral: EncryptionKeyPair; nonce: Uint8Array },
): Uint8Array {
  if (sessionKey.length !== keyBytes) throw new SessionKeyError("wrong length");
  const ephemeral = using?.ephemeral ?? newEncryptionKeyPair();
  const secret = sharedSecret(ephemeral.privateKey, to);
  const wrapped = new Uint8Array(wrappedSessionKeyBytes);
  wrapped.set(ephemeral.publicKey);
  wrapped.set(seal(secret, sessionKey, using?.nonce), publicKeyBytes);
  secret.fill(0);
  if (using === undefined) ephemeral.privateKey.fill(0);
  return wrapped;
}

/**
 * Unwraps a session key that was wrapped for this key pair. The result is secret: the caller zeroes it when the session ends.
 * @throws SessionKeyError
 */
export function unwrapSessionKey(wrapped: Uint8Array, keyPair: EncryptionKeyPair): Uint8Array {
  if (wrapped.length < publicKeyBytes) throw new SessionKeyError("too short");
  const secret = sharedSecret(keyPair.privateKey, pointOf(wrapped));
  const sessionKey = openOrFail(secret, wrapped.subarray(publicKeyBytes));
  secret.fill(0);
  if (sessionKey.length !== keyBytes) {
    sessionKey.fill(0);
    throw new SessionKeyError("wrong length");
  }
  return sessionKey;
}

function pointOf(wrapped: Uint8Array): EncryptionPublicKey {
  try {
    return parsePublicKey(wrapped.subarray(0, publicKeyBytes));
  } catch {
    throw new SessionKeyError("bad point");
  }
}

function openOrFail(secret: Uint8Array, envelope: Uint8Array): Uint8Array {
  try {
    return open(secret, envelope);
  } catch {
    secret.fill(0);
    throw new SessionKeyError("bad tag");
  }
}
