import fc from "fast-check";
import type { Address, Hex } from "../../schema/units.js";
import { jobId, sessionId } from "../../schema/units.js";

/** Bytes from hex, with or without `0x`. */
export const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replace(/^0x/, ""), "hex"));
/** Hex of bytes, without `0x`. */
export const hex = (of: Uint8Array): string => Buffer.from(of).toString("hex");
/** Text of any characters that Unicode has. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0x7f }),
      fc.integer({ min: 0, max: 0x10f7ff }).map((code) => (code < 0xd800 ? code : code + 0x800)),
    ),
    { maxLength: 20 },
  )
  .map((codes) => String.fromCodePoint(...codes));
/** UTF-8 bytes of a text. */
export const utf8Of = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "utf8"));

/** The public development key that anvil and hardhat start with, and its address. */
export const devKey: Hex = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
export const devAddress: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
export const testnetJobRegistry: Address = "0x531b3A87c5D785441B9cF55b98169F20FD9056a7";

/** Test vectors of the sidecar reference, §2.6. */
const key = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
const workerScalar = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
const ciphertext3 = bytes("d0d1d2d3d4d5d6d7d8d9dadb183d5a2c15812ea9e02fddfec8d8646971");
export const vectors = {
  v1: {
    key,
    nonce: bytes("a0a1a2a3a4a5a6a7a8a9aaab"),
    plaintext: "What is 2+2?",
    envelope: bytes("a0a1a2a3a4a5a6a7a8a9aaabb1701d5965a2719f504eb5ec7751d6e19a2a76f72657f09a1f8cd312"),
  },
  v2: {
    key,
    nonce: bytes("b0b1b2b3b4b5b6b7b8b9babb"),
    plaintext: '{"v":3,"text":"","messages":[{"role":"user","content":"What is 2+2?"}]}',
    envelope: bytes(
      "b0b1b2b3b4b5b6b7b8b9babbe2772c89d6fe977d339defd6ef67aae0a81e24b7665dee523bbda0cb07f9d0646a27461859fcd3cbc02982661edaeddb590879b3390160a725eb18106de800cd99da019677e11b8341ef55d9e6d678fcffd41bb177b1db",
    ),
  },
  v3: {
    key,
    nonce: bytes("d0d1d2d3d4d5d6d7d8d9dadb"),
    plaintext: "4",
    envelope: ciphertext3,
    base64: "0NHS09TV1tfY2drbGD1aLBWBLqngL93+yNhkaXE=",
    hash: "0xff84fe84fca5e25c5d0079ee9757dc642b0585dc8ce690348eaa62f518e1973f",
  },
  v4: {
    workerScalar,
    ephemeralScalar: bytes("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"),
    sessionKey: key,
    nonce: bytes("c0c1c2c3c4c5c6c7c8c9cacb"),
    workerPublicKey: bytes(
      "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    ),
    ephemeralPublicKey: bytes(
      "04515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354",
    ),
    secret: bytes("cf551a5f5d50b264e06ee9c4f7f541aa0318be11d12577b3857c8b5c625f935a"),
    wrapped: bytes(
      "04515c3d6eb9e396b904d3feca7f54fdcd0cc1e997bf375dca515ad0a6c3b4035f4536be3a50f318fbf9a5475902a221502bef0d57e08c53b2cc0a56f17d9f9354c0c1c2c3c4c5c6c7c8c9cacba29a0980705f426229f632028f7bda2309a931f6d931962029e33f4befc963b9645235fda62081c70b3676ab0ac2d78d",
    ),
  },
  v5: {
    passphrase: "correct horse battery staple",
    salt: bytes("00112233445566778899aabbccddeeff"),
    nonce: bytes("e0e1e2e3e4e5e6e7e8e9eaeb"),
    scalar: workerScalar,
    file: '{"version":1,"salt":"ABEiM0RVZneImaq7zN3u/w==","encryptedKey":"4OHi4+Tl5ufo6errRQKA91sPbMnrDNg5R6HhO5c5e9FCkniJPuyekfzmr1Z8mJrvJ1fGD1AF/rxyRULo"}',
  },
  v6: {
    passphrase: "correct horse battery staple",
    salt: bytes("ffeeddccbbaa99887766554433221100"),
    nonce: bytes("f0f1f2f3f4f5f6f7f8f9fafb"),
    fileKey: bytes("48fb42ff707fb7a92a4ad8f21019fda76bedc2387ed000da635b425aba0c432b"),
    keys: new Map([[sessionId(42n), key]]),
    file: '{"version":1,"salt":"/+7dzLuqmYh3ZlVEMyIRAA==","data":"8PHy8/T19vf4+fr70k0/z/i8vV5lOfIURE3dS7WwpUrTQvreeeAfsWvtp5FGdQPCwrCCt+5Js++PfuP3XQnVgZrPkqFVM3Oyi5KQQxBaohdK"}',
  },
  v7: [
    {
      of: "V1",
      payload: bytes("a0a1a2a3a4a5a6a7a8a9aaabb1701d5965a2719f504eb5ec7751d6e19a2a76f72657f09a1f8cd312"),
      elements: [
        "0000000028a0a1a2a3a4a5a6a7a8a9aaabb1701d5965a2719f504eb5ec7751d6",
        "00e19a2a76f72657f09a1f8cd312000000000000000000000000000000000000",
      ],
      sha256: "35115ef0ba99d0fc10d1f12f3fd98a01611f482360840a930e84274397379911",
      commitment: bytes(
        "8da871f9b66196d87347f9b78032df3b5649abb9b7389aed4db17a93b5ac58d493163ab43cd84c078afd37177b18ee57",
      ),
      versionedHash: "0x0123c0ab34b57ff162ed08388bd92ef7f0bf9c1a460e7ddb6e8eb1e600ad7ede",
    },
    {
      of: "V3",
      payload: ciphertext3,
      elements: [
        "000000001dd0d1d2d3d4d5d6d7d8d9dadb183d5a2c15812ea9e02fddfec8d864",
        "0069710000000000000000000000000000000000000000000000000000000000",
      ],
      sha256: "2c2b572e25c0fe230d99affab417da95b916ce250d7972249ba3cb7d522c4c8e",
      commitment: bytes(
        "95a4e7f067c7501dde9625ebd0aebdbfc41516d38d0e289f78c66afe8618c08334ae98b5bf90f85bd5071f48da6c9c33",
      ),
      versionedHash: "0x01c4f28df965726fe6664242672ae68ef0c725525534919dc96268fab5d5437b",
      proof: bytes("8fb9c3d6dda639424095c47b14c94ef7de0d2ded1c6204bed4e18015ff3d679c108229c9c7586cbc18cf3306e55117f2"),
    },
  ],
  v8: {
    chainId: 8200,
    jobRegistry: testnetJobRegistry,
    jobId: jobId(1001n),
    sessionId: sessionId(42n),
    ciphertext: ciphertext3,
    digest: "0x345f5c803b0b881c691672d9c270b2e48b64dc9d206d103f071b8e6d9cb58648",
    messageHash: "0xb23d567791106b431d408f6d3f513c6c4b63be4a55420359da94475a1a6026d1",
    signature:
      "0x3823eb7b62dad59f7cdfc64899e0212a40aaf7506183ab257e5ec05000aae5766dc3fc3b961eab869972acc2997230c687afb12a7b029461797d314c3233cb1801",
    login: {
      text: "lightchain-worker-gateway-auth nonce=n1 issued=2026-01-01T00:00:00Z expires=2036-01-01T00:00:00Z",
      hash: "0x37117a2a2d0069a48a3c1d90a1dfd2e3643964faa1073eab8e7d215c0129eaf6",
      signature:
        "0x7d3c8e0a77d79c53a36c47e2560ca84bf0c130059d58277181eb6837700f63cf6276f274eac6b041fcb36cb8c4fdef821d8f2778bd240fb3ec154a081d06666c1c",
    },
    modelIds: {
      "llama3-8b": "0xf4a414fa51803433e9197f32cda96d5cb2ac8269c481eb0262fe2dd11f428848",
      "gemma4:e2b": "0x264fdec586bc9c5f17becd6ead7e43cb69aa68a9dd6dea3dbbeca8c8717325d1",
    },
  },
} as const;

/** Test vectors of the consumer reference, §3. */
const ephemeralPublicKey =
  "04d65a93977caa3d1b081852ff57a79e465f1660577304baead505dd3a48589cf350185e895372df6221ea3a137557e473fddb6755f05bd507c3c533fce9c91285";
export const consumer = {
  workerScalar: bytes("11".repeat(32)),
  ephemeralScalar: bytes("22".repeat(32)),
  sessionKey: bytes("33".repeat(32)),
  wrapNonce: bytes("44".repeat(12)),
  messageNonce: bytes("55".repeat(12)),
  plaintext: "hello",
  workerPublicKey: bytes(
    "040217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed194a7debcb97712d2dda3ca85aa8765a56f45fc758599652f2897c65306e5794",
  ),
  ephemeralPublicKey: bytes(ephemeralPublicKey),
  secret: bytes("ccfc261f58193c98ca4ad4a53bbac6f0ee29bc4d48438090446908622ca79af6"),
  wrapped: bytes(
    `${ephemeralPublicKey}444444444444444444444444fe94c4c596f8ea6cd56b25293ea41605c5c63d61855f6b3a1d762fbedf4c25b9dfe98f975add6d94108ab8ce99f45aef`,
  ),
  ciphertext: bytes("55555555555555555555555579fbce6c4d50817d8005ebb6a0db55288bb27f2605"),
  hash: "0x4819263ef32cda873c52484aaf7275eb286b09d35755b6712687412c93a8e3de",
  elements: [
    "000000002155555555555555555555555579fbce6c4d50817d8005ebb6a0db55",
    "00288bb27f260500000000000000000000000000000000000000000000000000",
  ],
  versionedHash: "0x01e5bdcf7e702382c4222fd3832e4b086a7e695c234a7535fabbdbce9ad08ea3",
  jobId: jobId(7n),
  sessionId: sessionId(3n),
  digest: "0x3ba0f96a9df8f349316de81fd6f34190312145cda7e4583b2ffc23e1b7fbe280",
  signature:
    "0xf3207364ff324ee48d071fc36bb33d03670c89f545c74ea974f482fa0a73554347c83e436757c4266dd12b9265236e55542d0bc0c30722c5ccb8abc32557af181c",
} as const;
