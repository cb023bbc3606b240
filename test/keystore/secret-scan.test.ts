import fc from "fast-check";
import { expect, test } from "vitest";
import { findSecrets, needleOf } from "../../keystore/secret-scan.js";

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Each way a key could have been written, with what may stand directly around it. */
const spellings: Record<string, (key: Uint8Array, before: Uint8Array, after: Uint8Array) => Uint8Array | string> = {
  raw: (key, before, after) => Buffer.concat([before, key, after]),
  hex: (key) => hexOf(key),
  "HEX with 0x": (key) => `0x${hexOf(key).toUpperCase()}`,
  "hex in mixed case": (key) => hexOf(key).replaceAll("a", "A").replaceAll("c", "C"),
  "base64 of itself and its neighbours": (key, before, after) => Buffer.concat([before, key, after]).toString("base64"),
  "base64url of itself and its neighbours": (key, before, after) =>
    Buffer.concat([before, key, after]).toString("base64url"),
  "base64 of its hex": (key, before, after) =>
    Buffer.concat([before, Buffer.from(hexOf(key)), after]).toString("base64"),
  "base64 of its 0xHEX": (key) => Buffer.from(`0x${hexOf(key).toUpperCase()}`).toString("base64"),
  "a list of numbers": (key) => JSON.stringify([...key]),
  "an object of numbers": (key) => JSON.stringify(key),
  "a decimal number": (key) => BigInt(`0x${hexOf(key)}`).toString(),
};

const bytesAround = fc.uint8Array({ maxLength: 40 });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => new Set(bytes).size > 8);

test.each(Object.entries(spellings))("a planted key is found as %s, wherever it stands", (_, spell) => {
  fc.assert(
    fc.property(key, bytesAround, bytesAround, bytesAround, bytesAround, (secret, before, after, far, near) => {
      const planted = Buffer.concat([far, Buffer.from(spell(secret, before, after)), near]);
      const findings = findSecrets(planted, [needleOf("the key", secret)]);
      expect(findings.length).toBeGreaterThan(0);
      expect(findings[0]!.name).toBe("the key");
    }),
    { numRuns: 60 },
  );
});

test("nothing is found where there is nothing", () => {
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 500 }), (secret, content) => {
      expect(findSecrets(content, [needleOf("the key", secret)])).toEqual([]);
      const text = Buffer.from(Buffer.from(content).toString("base64") + hexOf(content));
      expect(findSecrets(text, [needleOf("the key", secret)])).toEqual([]);
    }),
  );
});

test("a finding names the key and its place, and never repeats it", () => {
  const secret = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
  const [finding] = findSecrets(Buffer.from(`key=${hexOf(secret)}`), [needleOf("signing key", secret)]);
  expect(finding).toEqual({ name: "signing key", spelling: "hex", offset: 4 });
});

test("too short a secret is refused rather than found by chance", () => {
  expect(() => needleOf("pin", Uint8Array.of(1, 2, 3, 4))).toThrow(RangeError);
});
