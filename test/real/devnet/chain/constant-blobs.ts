import type { Kzg } from "viem";
import type { ProofKind } from "../../../../protocol/blob-transaction.js";
import type { Hex } from "../../../../schema/units.js";

/**
 * Blobs that need no KZG library: all 4096 field elements are the same number k, a constant polynomial, whose commitment is k times the
 * curve's generator and whose proof is the point at infinity.
 */
export const constantBlob = (k: number): Hex => `0x${k.toString(16).padStart(64, "0").repeat(4096)}`;

/** k·G of BLS12-381's first group, compressed; the first is the generator itself. */
const multiples: readonly string[] = [
  "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
  "a572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e",
  "89ece308f9d1f0131765212deca99697b112d61f9be9a5f1f3780a51335b3ff981747a0b2ca2179b96d2c0c9024e5224",
  "ac9b60d5afcbd5663a8a44b7c5a02f19e9a77ab0a35bd65809bb5c67ec582c897feb04decc694b13e08587f3ff9b5b60",
  "b0e7791fb972fe014159aa33a98622da3cdc98ff707965e536d8636b5fcc5ac7a91a8c46e59a00dca575af0f18fb13dc",
  "a6e82f6da4520f85c5d27d8f329eccfa05944fd1096b20734c894966d12a9e2a9a9744529d7212d33883113a0cadb909",
  "b928f3beb93519eecf0145da903b40a4c97dca00b21f12ac0df3be9116ef2ef27b2ae6bcd4c5bc2d54ef5a70627efcb7",
  "a85ae765588126f5e860d019c0e26235f567a9c0c0b2d8ff30f3e8d436b1082596e5e7462d20f5be3764fd473e57f9cf",
];
const INFINITY = Buffer.from(`c0${"00".repeat(47)}`, "hex");

/** The proofs of every constant blob, whole or cell by cell. */
export const constantProofs = (kind: ProofKind): Hex[] =>
  Array.from({ length: kind === "cells" ? 128 : 1 }, (): Hex => `0x${INFINITY.toString("hex")}`);

/** What viem asks of a KZG library, for {@link constantBlob}s of 1 to 8. */
export const constantBlobKzg: Kzg = {
  blobToKzgCommitment: (blob) => Buffer.from(multiples[(blob[31] ?? 0) - 1] ?? "", "hex"),
  computeBlobKzgProof: () => INFINITY,
};
