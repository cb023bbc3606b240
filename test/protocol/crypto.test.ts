import { ECDH } from "node:crypto";
import fc from "fast-check";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, test } from "vitest";
import {
  type EncryptionPublicKey,
  InvalidEncryptionKey,
  encryptionKeyPair,
  newEncryptionKeyPair,
  parsePublicKey,
  parsePublicKeyText,
  sharedSecret,
} from "../../protocol/encryption-key.js";
import { EnvelopeError, open, seal } from "../../protocol/envelope.js";
import {
  SessionKeyError,
  newSessionKey,
  unwrapSessionKey,
  wrapSessionKey,
  wrappedSessionKeyBytes,
} from "../../protocol/session-key.js";
import { answerDigest, recoverAnswerSigner, toContractSignature, toFrameSignature } from "../../protocol/signature.js";
import { type Hex, jobId, sessionId } from "../../schema/units.js";
import { bytes, devAddress, devKey, hex, testnetJobRegistry, vectors } from "./fixtures.js";

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const upTo = (length: number) => fc.uint8Array({ maxLength: length });

type Damage = { at: number; bit: number } | { cut: number } | { append: Uint8Array };
/** Every way to damage bytes a little: one bit of any byte, the end cut off or anything appended. */
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ cut: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ append: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
);
function damaged(whole: Uint8Array, how: Damage): Uint8Array {
  if ("cut" in how) return whole.slice(0, Math.max(0, whole.length - how.cut));
  if ("append" in how) return new Uint8Array([...whole, ...how.append]);
  const broken = new Uint8Array(whole);
  const at = Math.floor(how.at * whole.length);
  broken[at] = whole[at]! ^ (1 << how.bit);
  return broken;
}
function faultOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof EnvelopeError || error instanceof SessionKeyError) return error.fault;
    throw error;
  }
  return "none";
}

describe("an envelope", () => {
  test("opens to what was sealed, 28 bytes shorter", () =>
    fc.assert(
      fc.property(exactly(32), upTo(3000), (key, plaintext) => {
        const envelope = seal(key, plaintext);
        expect(envelope).toHaveLength(plaintext.length + 28);
        expect(open(key, envelope)).toEqual(plaintext);
      }),
    ));
  test("of nothing has 28 bytes and opens to nothing", () => {
    expect(open(new Uint8Array(32), seal(new Uint8Array(32), new Uint8Array()))).toEqual(new Uint8Array());
  });
  test("is different each time", () => {
    const key = newSessionKey();
    expect(seal(key, bytes("01"))).not.toEqual(seal(key, bytes("01")));
  });
  test("does not open once damaged anywhere", () =>
    fc.assert(
      fc.property(exactly(32), upTo(300), damage, (key, plaintext, how) => {
        const fault = faultOf(() => open(key, damaged(seal(key, plaintext), how)));
        expect(["bad tag", "too short"]).toContain(fault);
      }),
    ));
  test("does not open when any one of its bytes is changed", () => {
    const { key, envelope } = vectors.v1;
    for (let at = 0; at < envelope.length; at++)
      expect(faultOf(() => open(key, damaged(envelope, { at: at / envelope.length, bit: at % 8 })))).toBe("bad tag");
    for (let length = 0; length < envelope.length; length++)
      expect(faultOf(() => open(key, envelope.slice(0, length)))).toBe(length < 28 ? "too short" : "bad tag");
  });
  test("does not open with another key", () =>
    fc.assert(
      fc.property(exactly(32), exactly(32), upTo(100), (key, other, plaintext) => {
        fc.pre(hex(key) !== hex(other));
        expect(faultOf(() => open(other, seal(key, plaintext)))).toBe("bad tag");
      }),
    ));
  test.each([0, 16, 31, 33])("takes no key of %d bytes", (length) => {
    expect(faultOf(() => seal(new Uint8Array(length), bytes("01")))).toBe("wrong key length");
    expect(faultOf(() => open(new Uint8Array(length), new Uint8Array(40)))).toBe("wrong key length");
  });
  test("takes no nonce of another length", () => {
    expect(faultOf(() => seal(new Uint8Array(32), bytes("01"), new Uint8Array(16)))).toBe("wrong nonce length");
  });
});

describe("an encryption key", () => {
  const { publicKey } = encryptionKeyPair(vectors.v4.workerScalar);
  const order = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

  test("that is new can be made again from its scalar", () => {
    const pair = newEncryptionKeyPair();
    expect(encryptionKeyPair(pair.privateKey)).toEqual(pair);
    expect(parsePublicKey(pair.publicKey)).toEqual(pair.publicKey);
  });
  test.each<[what: string, scalar: Uint8Array]>([
    ["zero", new Uint8Array(32)],
    ["the curve's order", order],
    ["more than the order", new Uint8Array(32).fill(0xff)],
    ["31 bytes", new Uint8Array(31).fill(1)],
    ["33 bytes", new Uint8Array(33).fill(1)],
  ])("is not made from a scalar of %s", (_, scalar) => {
    expect(() => encryptionKeyPair(scalar)).toThrow(InvalidEncryptionKey);
  });
  test.each<[what: string, key: Uint8Array]>([
    ["a hybrid point, which Node would take", withFirst(publicKey, 0x06 + (publicKey[64]! & 1))],
    [
      "a compressed point",
      new Uint8Array(ECDH.convertKey(publicKey, "prime256v1", undefined, undefined, "compressed") as Buffer),
    ],
    ["the point at infinity", bytes("00")],
    ["a point beside the curve", damaged(publicKey, { at: 0.99, bit: 0 })],
    ["coordinates above the field", withFirst(new Uint8Array(65).fill(0xff), 4)],
    ["all zeroes", withFirst(new Uint8Array(65), 4)],
    ["64 bytes", publicKey.slice(0, 64)],
    ["66 bytes", new Uint8Array([...publicKey, 0])],
    ["nothing", new Uint8Array()],
  ])("is not %s", (_, key) => {
    expect(() => parsePublicKey(key)).toThrow(InvalidEncryptionKey);
  });
  test("is refused when any one bit of a coordinate is changed", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        expect(() => parsePublicKey(damaged(publicKey, { at: (at + 0.5) / 65, bit }))).toThrow(InvalidEncryptionKey);
      }),
    ));
  test("is read in every spelling in use", () => {
    const base64 = Buffer.from(publicKey).toString("base64");
    for (const text of [hex(publicKey), `0x${hex(publicKey)}`, hex(publicKey).toUpperCase(), base64])
      expect(parsePublicKeyText(text)).toEqual(publicKey);
    for (const text of ["", "0x", "0x04", `0x${hex(publicKey)}00`, base64.slice(1), `${base64}=`])
      expect(() => parsePublicKeyText(text)).toThrow(InvalidEncryptionKey);
  });
  test("gives both sides the same 32 bytes, also when they begin with zeroes", () => {
    const worker = encryptionKeyPair(vectors.v4.workerScalar);
    let zeroes = 0;
    // The secret of k·G for k = 1, 2, 3, … begins with a zero byte once in 256 on average.
    for (let k = 1; k <= 2000 && zeroes === 0; k++) {
      const other = encryptionKeyPair(bytes(k.toString(16).padStart(64, "0")));
      const secret = sharedSecret(worker.privateKey, other.publicKey);
      expect(secret).toHaveLength(32);
      expect(sharedSecret(other.privateKey, worker.publicKey)).toEqual(secret);
      if (secret[0] === 0) zeroes++;
    }
    expect(zeroes).toBe(1);
  });
  test("says nothing about a private key that is wrong", () => {
    expect(() => sharedSecret(new Uint8Array(32), publicKey)).toThrow(InvalidEncryptionKey);
  });
});
const withFirst = (key: Uint8Array, first: number): Uint8Array => new Uint8Array([first, ...key.slice(1)]);

describe("a wrapped session key", () => {
  const worker = encryptionKeyPair(vectors.v4.workerScalar);
  const secret = vectors.v4.secret;
  const sealedTo = (envelope: Uint8Array): Uint8Array =>
    new Uint8Array([...vectors.v4.ephemeralPublicKey, ...envelope]);

  test("has 125 bytes and opens for its worker", () =>
    fc.assert(
      fc.property(exactly(32), (sessionKey) => {
        const wrapped = wrapSessionKey(sessionKey, worker.publicKey);
        expect(wrapped).toHaveLength(125);
        expect(unwrapSessionKey(wrapped, worker)).toEqual(sessionKey);
      }),
      { numRuns: 30 },
    ));
  test("is different each time", () => {
    expect(wrapSessionKey(secret, worker.publicKey)).not.toEqual(wrapSessionKey(secret, worker.publicKey));
  });
  test("does not open for anybody else", () => {
    expect(faultOf(() => unwrapSessionKey(vectors.v4.wrapped, newEncryptionKeyPair()))).toBe("bad tag");
  });
  test("does not open once any one of its bytes is changed", () => {
    for (let at = 0; at < wrappedSessionKeyBytes; at++) {
      const broken = new Uint8Array(vectors.v4.wrapped);
      broken[at]! ^= 1 << (at % 8);
      expect(faultOf(() => unwrapSessionKey(broken, worker))).toBe(at < 65 ? "bad point" : "bad tag");
    }
  });
  test("does not open once cut off or extended", () => {
    for (let length = 0; length < wrappedSessionKeyBytes; length++)
      expect(faultOf(() => unwrapSessionKey(vectors.v4.wrapped.slice(0, length), worker))).toBe(
        length < 65 ? "too short" : "bad tag",
      );
    expect(faultOf(() => unwrapSessionKey(new Uint8Array([...vectors.v4.wrapped, 0]), worker))).toBe("bad tag");
  });
  test.each([0, 31, 33])("that holds %d bytes is no session key", (length) => {
    const wrapped = sealedTo(seal(secret, new Uint8Array(length)));
    expect(faultOf(() => unwrapSessionKey(wrapped, worker))).toBe("wrong length");
    expect(faultOf(() => wrapSessionKey(new Uint8Array(length), worker.publicKey))).toBe("wrong length");
  });
  test("leaves the caller's keys as they were", () => {
    const scalar = new Uint8Array(vectors.v4.ephemeralScalar);
    const ephemeral = encryptionKeyPair(scalar);
    wrapSessionKey(secret, worker.publicKey, { ephemeral, nonce: vectors.v4.nonce });
    expect(ephemeral.privateKey).toEqual(vectors.v4.ephemeralScalar);
  });
  test("is only made for a key that was checked", () => {
    // @ts-expect-error plain bytes are not a checked public key
    const unchecked: EncryptionPublicKey = new Uint8Array(65);
    const make = (): Uint8Array => wrapSessionKey(secret, unchecked);
    expect(make).toThrow();
  });
});

describe("an answer's signature", () => {
  const dev = privateKeyToAccount(devKey);
  const digestOf = (job: bigint, session: bigint, ciphertext: Uint8Array, chainId = 8200): Hex =>
    answerDigest(chainId, testnetJobRegistry, jobId(job), sessionId(session), ciphertext);

  test("names its signer with each of the four last bytes", async () => {
    const digest = digestOf(2n ** 64n - 1n, 2n ** 63n, bytes("00ff"));
    const signature = await dev.signMessage({ message: { raw: digest } });
    for (const form of [signature, toFrameSignature(signature)]) {
      expect(await recoverAnswerSigner(digest, form)).toBe(devAddress);
      expect(toFrameSignature(form)).toBe(toFrameSignature(signature));
      expect(toContractSignature(form)).toBe(signature);
    }
    expect(["00", "01"]).toContain(toFrameSignature(signature).slice(-2));
  });
  test("covers chain, job, session and every byte of the ciphertext", () => {
    const ciphertext = vectors.v3.envelope;
    const digests = [
      digestOf(1n, 2n, ciphertext),
      digestOf(2n, 1n, ciphertext),
      digestOf(1n, 2n, ciphertext, 9200),
      digestOf(1n, 2n, damaged(ciphertext, { at: 0, bit: 0 })),
      digestOf(1n, 2n, damaged(ciphertext, { cut: 1 })),
      digestOf(1n, 2n, damaged(ciphertext, { append: bytes("00") })),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });
  test("of another answer names somebody else", async () => {
    expect(await recoverAnswerSigner(digestOf(1n, 1n, bytes("")), vectors.v8.signature)).not.toBe(devAddress);
  });
  test("in its malleable twin is refused, as the contract would", async () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const { signature, digest } = vectors.v8;
    const s = order - BigInt(`0x${signature.slice(66, 130)}`);
    const twin: Hex = `${signature.slice(0, 66) as Hex}${s.toString(16).padStart(64, "0")}00`;
    await expect(recoverAnswerSigner(digest, twin)).rejects.toThrow("high s");
  });
  test.each<[what: string, signature: Hex]>([
    ["another last byte", `${vectors.v8.signature.slice(0, -2) as Hex}02`],
    ["64 bytes", vectors.v8.signature.slice(0, -2) as Hex],
    ["66 bytes", `${vectors.v8.signature}00`],
    ["nothing", "0x"],
    ["letters", `0x${"zz".repeat(65)}`],
  ])("is not %s", async (_, signature) => {
    expect(() => toFrameSignature(signature)).toThrow(RangeError);
    expect(() => toContractSignature(signature)).toThrow(RangeError);
    await expect(recoverAnswerSigner(vectors.v8.digest, signature)).rejects.toThrow(RangeError);
  });
});
