import { ECDH, createECDH } from "node:crypto";

const curve = "prime256v1";
const scalarBytes = 32;
/** Bytes of a public key: `04`, X, Y. */
export const publicKeyBytes = 65;

declare const checked: unique symbol;
/** A P-256 public key that was checked: 65 bytes, uncompressed, on the curve. */
export type EncryptionPublicKey = Uint8Array & { readonly [checked]: true };

/** The key pair that session keys are wrapped for. Separate from the signing key. */
export interface EncryptionKeyPair {
  readonly publicKey: EncryptionPublicKey;
  /** 32-byte big-endian scalar. Secret: whoever holds the pair zeroes it when done. */
  readonly privateKey: Uint8Array;
}

/** A public or private key that is none. Carries no key material. */
export class InvalidEncryptionKey extends Error {
  constructor(reason: string) {
    super(`not an encryption key: ${reason}`);
    this.name = "InvalidEncryptionKey";
  }
}

/** Makes a new random key pair. */
export function newEncryptionKeyPair(): EncryptionKeyPair {
  const ecdh = createECDH(curve);
  ecdh.generateKeys();
  const scalar = ecdh.getPrivateKey();
  const privateKey = new Uint8Array(scalarBytes);
  privateKey.set(scalar, scalarBytes - scalar.length); // Node drops leading zero bytes
  scalar.fill(0);
  return { publicKey: new Uint8Array(ecdh.getPublicKey()) as EncryptionPublicKey, privateKey };
}

/**
 * The key pair of a private scalar. The scalar is copied.
 * @param scalar 32 bytes, big-endian, between 1 and the curve's order
 * @throws InvalidEncryptionKey
 */
export function encryptionKeyPair(scalar: Uint8Array): EncryptionKeyPair {
  if (scalar.length !== scalarBytes) throw new InvalidEncryptionKey(`${scalar.length} bytes instead of ${scalarBytes}`);
  const ecdh = createECDH(curve);
  try {
    ecdh.setPrivateKey(scalar);
  } catch {
    throw new InvalidEncryptionKey("the scalar is zero or not below the curve's order");
  }
  return {
    publicKey: new Uint8Array(ecdh.getPublicKey()) as EncryptionPublicKey,
    privateKey: new Uint8Array(scalar),
  };
}

/**
 * Checks a public key as the registry does, and that it is a point of the curve. Compressed and hybrid forms, which Node itself would take, are
 * refused. Source: sidecar reference §2.2.
 * @throws InvalidEncryptionKey
 */
export function parsePublicKey(bytes: Uint8Array): EncryptionPublicKey {
  if (bytes.length !== publicKeyBytes)
    throw new InvalidEncryptionKey(`${bytes.length} bytes instead of ${publicKeyBytes}`);
  if (bytes[0] !== 0x04) throw new InvalidEncryptionKey("the first byte is not 0x04");
  try {
    ECDH.convertKey(bytes, curve);
  } catch {
    throw new InvalidEncryptionKey("not a point of the curve P-256");
  }
  return new Uint8Array(bytes) as EncryptionPublicKey;
}

/**
 * Reads a public key in any of the spellings that deployments use: hex with or without `0x`, or base64 (consumer reference §3).
 * @throws InvalidEncryptionKey
 */
export function parsePublicKeyText(text: string): EncryptionPublicKey {
  const hex = /^(?:0x)?([0-9a-fA-F]{130})$/.exec(text)?.[1];
  if (hex !== undefined) return parsePublicKey(Buffer.from(hex, "hex"));
  if (/^[A-Za-z0-9+/]{87}=$/.test(text)) return parsePublicKey(Buffer.from(text, "base64"));
  throw new InvalidEncryptionKey("neither 130 hex digits nor 88 characters of base64");
}

/**
 * The ECDH secret of two parties: the X coordinate of the shared point, 32 bytes, used as an AES-256 key as it is (no key derivation; that is the
 * protocol). Secret: the caller zeroes it after use.
 */
export function sharedSecret(privateKey: Uint8Array, publicKey: EncryptionPublicKey): Uint8Array {
  const ecdh = createECDH(curve);
  try {
    ecdh.setPrivateKey(privateKey);
  } catch {
    throw new InvalidEncryptionKey("the scalar is zero or not below the curve's order");
  }
  const point = ecdh.computeSecret(publicKey);
  const secret = new Uint8Array(scalarBytes);
  secret.set(point, scalarBytes - point.length);
  point.fill(0);
  return secret;
}
