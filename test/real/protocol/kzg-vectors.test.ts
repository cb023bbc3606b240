import { beforeAll, expect, test } from "vitest";
import { packBlob, versionedHash } from "../../../protocol/blob.js";
import { loadKzg, type Kzg } from "../../../system/kzg.js";
import { consumer, vectors } from "../../protocol/fixtures.js";

/** In WebAssembly, as on hosts that the native library does not run on. Slow for the inner loop: the setup alone takes seconds to load. */
let kzg: Kzg;
beforeAll(async () => {
  kzg = await loadKzg("/nowhere/kzg.node");
  expect(kzg.kind).toBe("wasm");
});

test.each(vectors.v7)("the blob of $of has the commitment and the name of the reference", ({ payload, ...vector }) => {
  const blob = packBlob(payload);
  const commitment = kzg.commitment(blob);
  expect(commitment).toEqual(vector.commitment);
  expect(versionedHash(commitment)).toBe(vector.versionedHash);
  if ("proof" in vector) expect(kzg.proof(blob, commitment)).toEqual(vector.proof);
});

test("the blob of the consumer's vector has the name of the reference", () => {
  expect(versionedHash(kzg.commitment(packBlob(consumer.ciphertext)))).toBe(consumer.versionedHash);
});

test("the proofs of a blob's cells are those of the native library", async () => {
  const native = await loadKzg();
  const blob = packBlob(consumer.ciphertext);
  const proofs = kzg.cellProofs(blob).map((proof) => Buffer.from(proof));
  expect(proofs).toHaveLength(128);
  expect(proofs).toEqual(native.cellProofs(blob).map((proof) => Buffer.from(proof)));
});
