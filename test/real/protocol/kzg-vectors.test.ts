import { loadKZG } from "kzg-wasm";
import { toHex } from "viem";
import { beforeAll, expect, test } from "vitest";
import { packBlob, versionedHash } from "../../../protocol/blob.js";
import { bytes, consumer, vectors } from "../../protocol/fixtures.js";

/** Slow for the inner loop: the trusted setup alone takes seconds to load. */
let kzg: Awaited<ReturnType<typeof loadKZG>>;
beforeAll(async () => {
  kzg = await loadKZG();
});
const commitmentOf = (blob: Uint8Array): Uint8Array => bytes(kzg.blobToKZGCommitment(toHex(blob)));

test.each(vectors.v7)("the blob of $of has the commitment and the name of the reference", ({ payload, ...vector }) => {
  const blob = packBlob(payload);
  const commitment = commitmentOf(blob);
  expect(commitment).toEqual(vector.commitment);
  expect(versionedHash(commitment)).toBe(vector.versionedHash);
  if ("proof" in vector) expect(bytes(kzg.computeBlobKZGProof(toHex(blob), toHex(commitment)))).toEqual(vector.proof);
});

test("the blob of the consumer's vector has the name of the reference", () => {
  expect(versionedHash(commitmentOf(packBlob(consumer.ciphertext)))).toBe(consumer.versionedHash);
});
