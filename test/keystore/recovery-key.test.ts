import { expect, test } from "vitest";
import { newRecoveryKey, parseRecoveryKey, parseRecoverySecret, recoveryKeyText } from "../../keystore/recovery-key.js";

test("both halves of a recovery key are read back as they are written", () => {
  const { publicKey, secretKey } = newRecoveryKey();
  expect(parseRecoveryKey(recoveryKeyText(publicKey))).toEqual(publicKey);
  expect(parseRecoveryKey(Buffer.from(publicKey).toString("hex").toUpperCase())).toEqual(publicKey);
  expect(parseRecoverySecret(Buffer.from(`${Buffer.from(secretKey).toString("hex")}\n`))).toEqual(secretKey);
});

test.each([
  ["too short", "ab".repeat(31)],
  ["no hex", "xy".repeat(32)],
  ["empty", ""],
  // Points of small order (RFC 7748): every sender's shared secret with them is zero.
  ["zero", "00".repeat(32)],
  ["one", `01${"00".repeat(31)}`],
  ["of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
])("a public half that is %s is refused", (_, text) =>
  expect(() => parseRecoveryKey(text)).toThrow(expect.objectContaining({ code: "LF1114" }) as Error),
);

test("a secret half that is none is refused without being repeated", () => {
  const secret = "5e".repeat(33);
  const refused = (): unknown => {
    try {
      return parseRecoverySecret(Buffer.from(secret));
    } catch (error) {
      return error;
    }
  };
  expect(refused()).toMatchObject({ code: "LF1114", message: expect.not.stringContaining("5e5e") as string });
});
