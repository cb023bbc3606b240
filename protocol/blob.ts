import { createHash } from "node:crypto";
import type { Hash } from "../schema/units.js";

const elementBytes = 32;
const elementPayloadBytes = elementBytes - 1; // a leading zero keeps every element below the BLS modulus
const elements = 4096;
const lengthBytes = 4;
const commitmentBytes = 48;

/** Bytes of a blob (EIP-4844). */
export const blobBytes = elements * elementBytes;
/** Most payload bytes that fit into one blob: 4096 × 31 − 4. */
export const blobCapacityBytes = 126_972;

/** Bytes that do not fit into a blob, or a blob that was not packed this way. */
export class BlobError extends Error {
  constructor(readonly fault: "too large" | "malformed") {
    super(fault === "too large" ? `more than ${blobCapacityBytes} bytes do not fit into a blob` : "not a packed blob");
    this.name = "BlobError";
  }
}

/**
 * Packs bytes into one blob: length (4, big-endian) and payload, cut into pieces of 31 bytes, each behind a zero byte; the rest is zero.
 * Source: sidecar reference §4.1.
 * @throws BlobError "too large" above {@link blobCapacityBytes}
 */
export function packBlob(payload: Uint8Array): Uint8Array {
  if (payload.length > blobCapacityBytes) throw new BlobError("too large");
  const framed = new Uint8Array(lengthBytes + payload.length);
  new DataView(framed.buffer).setUint32(0, payload.length);
  framed.set(payload, lengthBytes);
  const blob = new Uint8Array(blobBytes);
  for (let from = 0, to = 1; from < framed.length; from += elementPayloadBytes, to += elementBytes)
    blob.set(framed.subarray(from, from + elementPayloadBytes), to);
  return blob;
}

/**
 * Takes the payload out of a blob. What follows the payload is ignored.
 * @throws BlobError "malformed"
 */
export function unpackBlob(blob: Uint8Array): Uint8Array {
  if (blob.length === 0 || blob.length % elementBytes !== 0 || blob.length > blobBytes)
    throw new BlobError("malformed");
  const framed = new Uint8Array((blob.length / elementBytes) * elementPayloadBytes);
  for (let from = 0, to = 0; from < blob.length; from += elementBytes, to += elementPayloadBytes) {
    if (blob[from] !== 0) throw new BlobError("malformed");
    framed.set(blob.subarray(from + 1, from + elementBytes), to);
  }
  const length = new DataView(framed.buffer).getUint32(0);
  if (length > framed.length - lengthBytes) throw new BlobError("malformed");
  return framed.slice(lengthBytes, lengthBytes + length);
}

/**
 * The name of a blob on the execution chain: sha256 of its KZG commitment with the first byte set to 1 (EIP-4844).
 * @throws RangeError when the commitment is not 48 bytes
 */
export function versionedHash(commitment: Uint8Array): Hash {
  if (commitment.length !== commitmentBytes) throw new RangeError(`a KZG commitment has ${commitmentBytes} bytes`);
  return `0x01${createHash("sha256").update(commitment).digest("hex").slice(2)}`;
}
