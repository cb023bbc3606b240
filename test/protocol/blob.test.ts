import fc from "fast-check";
import { expect, test } from "vitest";
import { BlobError, blobBytes, blobCapacityBytes, packBlob, unpackBlob, versionedHash } from "../../protocol/blob.js";

test("what is packed is unpacked, in 4096 elements that all begin with zero", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (payload) => {
      const blob = packBlob(payload);
      expect(blob).toHaveLength(blobBytes);
      expect(unpackBlob(blob)).toEqual(payload);
      for (let at = 0; at < blobBytes; at += 32) if (blob[at] !== 0) throw new Error(`element at ${at}`);
    }),
    { numRuns: 30 },
  ));

test.each([0, 1, 26, 27, 28, 30, 31, 32, 126_971, blobCapacityBytes])("%d bytes fit and come back", (length) => {
  const payload = new Uint8Array(length).fill(0xff);
  const unpacked = unpackBlob(packBlob(payload));
  expect(unpacked.length === length && unpacked.every((byte) => byte === 0xff)).toBe(true);
});

test("the capacity is 126972 bytes and not one more", () => {
  expect(blobCapacityBytes).toBe(4096 * 31 - 4);
  expect(() => packBlob(new Uint8Array(blobCapacityBytes + 1))).toThrow("do not fit");
});

test("what follows the payload is ignored", () => {
  const blob = packBlob(new Uint8Array([1, 2]));
  blob[64 + 5] = 9;
  expect(unpackBlob(blob)).toEqual(new Uint8Array([1, 2]));
});

test("a blob without its zero tail is read as far as it goes", () => {
  expect(unpackBlob(packBlob(new Uint8Array(40).fill(7)).slice(0, 64))).toEqual(new Uint8Array(40).fill(7));
});

test.each<[what: string, blob: Uint8Array]>([
  ["nothing", new Uint8Array()],
  ["a part of an element", new Uint8Array(33)],
  ["more than a blob", new Uint8Array(blobBytes + 32)],
  ["a payload one byte longer than fits", elements(0x00, 0x00, 0x01, 0xef, 0xfd)],
  ["a length that would overflow", elements(0x00, 0xff, 0xff, 0xff, 0xff)],
  ["an element above the field", elements(0x01)],
])("%s is not unpacked", (_, blob) => {
  expect(() => unpackBlob(blob)).toThrow(BlobError);
});

test("an element that does not begin with zero is found anywhere", () =>
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 1, max: 255 }), (element, value) => {
      const blob = packBlob(new Uint8Array(10));
      blob[element * 32] = value;
      expect(() => unpackBlob(blob)).toThrow(BlobError);
    }),
    { numRuns: 30 },
  ));

test.each([0, 47, 49])("%d bytes are no commitment", (length) => {
  expect(() => versionedHash(new Uint8Array(length))).toThrow(RangeError);
});

function elements(...start: number[]): Uint8Array {
  const blob = new Uint8Array(blobBytes);
  blob.set(start);
  return blob;
}
