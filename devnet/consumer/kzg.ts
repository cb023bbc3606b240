import { hexToBytes, bytesToHex } from "viem";

/** What a blob transaction needs: a commitment to the blob and the proof that goes with it (EIP-4844, version-0 sidecars). */
export interface Kzg {
  /** 48 bytes. */
  blobToCommitment(blob: Uint8Array): Uint8Array;
  /** 48 bytes. */
  computeBlobProof(blob: Uint8Array, commitment: Uint8Array): Uint8Array;
}

/**
 * Loads the trusted setup in this process, which blocks it meanwhile: 2-3 s with the native library, ten times that without. A consumer has
 * nothing else to do; a worker does this in a thread of its own.
 */
export async function loadKzg(): Promise<Kzg> {
  return (await loadNative()) ?? loadWasm();
}

/** `undefined` where the optional native library was not built. */
async function loadNative(): Promise<Kzg | undefined> {
  try {
    const { default: native } = await import("c-kzg");
    native.loadTrustedSetup(0);
    return {
      blobToCommitment: (blob) => native.blobToKzgCommitment(blob),
      computeBlobProof: (blob, commitment) => native.computeBlobKzgProof(blob, commitment),
    };
  } catch {
    return undefined;
  }
}

async function loadWasm(): Promise<Kzg> {
  const { loadKZG } = await import("kzg-wasm");
  const wasm = await loadKZG();
  const bytes = (hex: string): Uint8Array => hexToBytes(hex as `0x${string}`);
  return {
    blobToCommitment: (blob) => bytes(wasm.blobToKZGCommitment(bytesToHex(blob))),
    computeBlobProof: (blob, commitment) => bytes(wasm.computeBlobKZGProof(bytesToHex(blob), bytesToHex(commitment))),
  };
}
