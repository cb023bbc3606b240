import { timingSafeEqual } from "node:crypto";
import nacl from "tweetnacl";

/*
 * Sealing to an X25519 public key with a sender that is made for one message and forgotten: only the holder of the secret half can open it.
 * The nonce is a hash over purpose and both public keys, so a box made for one purpose never opens as another; the context (who it is for) is sealed
 * in front of the payload.
 */

/** An X25519 key pair, 32 bytes each. */
export interface SealKeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** A fresh pair. */
export const newSealKey = (): SealKeyPair => nacl.box.keyPair();

/**
 * Seals `payload` to `recipient`, and opens it once more with the sender's half while that is at hand: what leaves here opens, for the recipient, to exactly
 * this payload.
 * @param purpose what kind of message this is; a constant of the caller's
 * @param context who and what it is for; comes back when it is opened
 * @returns 32 bytes of the sender's public key, then the box
 */
export function sealTo(recipient: Uint8Array, purpose: string, context: string, payload: Uint8Array): Uint8Array {
  const sender = nacl.box.keyPair();
  const contextBytes = new TextEncoder().encode(context);
  const message = new Uint8Array(4 + contextBytes.length + payload.length);
  new DataView(message.buffer).setUint32(0, contextBytes.length);
  message.set(contextBytes, 4);
  message.set(payload, 4 + contextBytes.length);
  const nonce = nonceFor(purpose, sender.publicKey, recipient);
  const box = nacl.box(message, nonce, recipient, sender.secretKey);
  const reopened = nacl.box.open(box, nonce, recipient, sender.secretKey);
  const isWhole = reopened !== null && nacl.verify(reopened, message);
  reopened?.fill(0);
  message.fill(0);
  sender.secretKey.fill(0);
  if (!isWhole) throw new Error("what was sealed does not open to what it was made of");
  return Uint8Array.from([...sender.publicKey, ...box]);
}

/** Opens what {@link sealTo} made with the same purpose. @returns `undefined` when it was not sealed so to this key, or is damaged */
export function openSealed(
  secretKey: Uint8Array,
  purpose: string,
  sealed: Uint8Array,
): { context: string; payload: Uint8Array } | undefined {
  if (sealed.length < nacl.box.publicKeyLength + nacl.box.overheadLength + 4) return undefined;
  const sender = sealed.slice(0, nacl.box.publicKeyLength);
  const own = nacl.box.keyPair.fromSecretKey(secretKey).publicKey;
  const box = sealed.slice(nacl.box.publicKeyLength);
  const message = nacl.box.open(box, nonceFor(purpose, sender, own), sender, secretKey);
  if (message === null) return undefined;
  const length = new DataView(message.buffer, message.byteOffset, message.byteLength).getUint32(0);
  const context = new TextDecoder().decode(message.subarray(4, 4 + length));
  const payload = message.slice(4 + length);
  message.fill(0);
  return { context, payload };
}

/** Whether two texts are equal, in a time that says nothing about where they differ. */
export function equalTexts(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Base64 in its only canonical spelling; anything else is `undefined`, so that no character of a text can change unnoticed. */
export function fromBase64(text: string, encoding: "base64" | "base64url"): Uint8Array | undefined {
  const bytes = Buffer.from(text, encoding);
  return bytes.toString(encoding) === text ? Uint8Array.from(bytes) : undefined;
}

function nonceFor(purpose: string, sender: Uint8Array, recipient: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(`lightchain-fleet ${purpose}\n`);
  return nacl.hash(Uint8Array.from([...text, ...sender, ...recipient])).subarray(0, nacl.box.nonceLength);
}
