import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { bytesToHex, hexToBytes } from "viem";

/** Commitments and proofs of blobs (EIP-4844, EIP-7594, the ceremony's trusted setup). Each call keeps the thread busy: 10-100 ms native, for cells 0.4 s. */
export interface Kzg {
  /** `wasm` is for emergencies: its setup takes ten times as long and each proof eight times. */
  readonly kind: "native" | "wasm";
  /** @param blob 131,072 bytes @returns 48 bytes */
  commitment(blob: Uint8Array): Uint8Array;
  /** @returns 48 bytes */
  proof(blob: Uint8Array, commitment: Uint8Array): Uint8Array;
  /** A proof of each of the blob's 128 cells, 48 bytes each, in their order (EIP-7594). */
  cellProofs(blob: Uint8Array): readonly Uint8Array[];
  /** Whether the proof shows that the commitment is to this blob. */
  verify(blob: Uint8Array, commitment: Uint8Array, proof: Uint8Array): boolean;
}

/** The calls of the native library that are used here; c-kzg's own types describe its wrapper, not the bare library. */
interface NativeKzg {
  loadTrustedSetup(precompute: number, file: string): void;
  blobToKzgCommitment(blob: Uint8Array): Uint8Array;
  computeBlobKzgProof(blob: Uint8Array, commitment: Uint8Array): Uint8Array;
  computeCellsAndKzgProofs(blob: Uint8Array): [cells: Uint8Array[], proofs: Uint8Array[]];
  verifyBlobKzgProof(blob: Uint8Array, commitment: Uint8Array, proof: Uint8Array): boolean;
}

/**
 * Loads the library and its setup, or gives what was loaded before: 2-3 s native, 20 s in WebAssembly, in which this thread does nothing else.
 * @param nativeFile `kzg.node` with `trusted_setup.txt` beside it. Default: the c-kzg package, where it was built
 * @throws Error when neither library can be loaded
 */
export async function loadKzg(nativeFile?: string): Promise<Kzg> {
  const known = loaded.get(nativeFile);
  if (known !== undefined) return known;
  const kzg = loadNative(nativeFile) ?? (await loadWasm());
  loaded.set(nativeFile, kzg);
  return kzg;
}

/** A library takes its setup once in a process, and refuses to a second time. */
const loaded = new Map<string | undefined, Kzg>();

function loadNative(nativeFile: string | undefined): Kzg | undefined {
  try {
    const load = createRequire(nativeFile ?? __filename);
    const native = load(nativeFile ?? "c-kzg") as NativeKzg;
    const setup =
      nativeFile === undefined
        ? join(dirname(load.resolve("c-kzg/package.json")), "deps/c-kzg/trusted_setup.txt")
        : join(dirname(nativeFile), "trusted_setup.txt");
    native.loadTrustedSetup(0, setup);
    return {
      kind: "native",
      commitment: (blob) => native.blobToKzgCommitment(blob),
      proof: (blob, commitment) => native.computeBlobKzgProof(blob, commitment),
      cellProofs: (blob) => native.computeCellsAndKzgProofs(blob)[1],
      verify: (blob, commitment, proof) => native.verifyBlobKzgProof(blob, commitment, proof),
    };
  } catch {
    return undefined; // an optional dependency: not built on this machine
  }
}

async function loadWasm(): Promise<Kzg> {
  const { loadKZG } = await import("kzg-wasm");
  const wasm = await loadKZG();
  const bytes = (hex: string): Uint8Array => hexToBytes(hex as `0x${string}`);
  return {
    kind: "wasm",
    commitment: (blob) => bytes(wasm.blobToKZGCommitment(bytesToHex(blob))),
    proof: (blob, commitment) => bytes(wasm.computeBlobKZGProof(bytesToHex(blob), bytesToHex(commitment))),
    cellProofs: (blob) => wasm.computeCellsAndProofs(bytesToHex(blob))[1].map(bytes),
    verify: (blob, commitment, proof) =>
      wasm.verifyBlobKZGProof(bytesToHex(blob), bytesToHex(commitment), bytesToHex(proof)),
  };
}
