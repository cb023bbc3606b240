import { createHash } from "node:crypto";
import { hashMessage } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, test } from "vitest";
import { packBlob, unpackBlob, versionedHash } from "../../protocol/blob.js";
import { encryptionKeyPair, parsePublicKey, sharedSecret } from "../../protocol/encryption-key.js";
import { open, seal } from "../../protocol/envelope.js";
import { encodeFrame } from "../../protocol/frames.js";
import {
  decodeEncryptionKeystore,
  decodeSessionStore,
  encodeEncryptionKeystore,
  encodeSessionStore,
  newSessionStore,
} from "../../protocol/keystore-files.js";
import { modelIdOf } from "../../protocol/model-id.js";
import { encodeConversation } from "../../protocol/prompt.js";
import { encodeAnswer } from "../../protocol/response.js";
import { unwrapSessionKey, wrapSessionKey } from "../../protocol/session-key.js";
import {
  answerDigest,
  ciphertextHash,
  recoverAnswerSigner,
  toContractSignature,
  toFrameSignature,
} from "../../protocol/signature.js";
import { utf8Of, consumer, devAddress, devKey, hex, testnetJobRegistry, vectors } from "./fixtures.js";

const { v1, v2, v3, v4, v5, v6, v7, v8 } = vectors;
const dev = privateKeyToAccount(devKey);

describe("sidecar reference §2.6", () => {
  test.each([
    ["V1, a prompt", v1],
    ["V2, a self-contained prompt", v2],
    ["V3, a response", v3],
  ])("%s is sealed and opened", (_, { key, nonce, plaintext, envelope }) => {
    expect(seal(key, utf8Of(plaintext), nonce)).toEqual(envelope);
    expect(open(key, envelope)).toEqual(utf8Of(plaintext));
  });

  test("V2 is what the encoder of conversations writes", () => {
    expect(encodeConversation([{ role: "user", content: "What is 2+2?" }])).toEqual(utf8Of(v2.plaintext));
  });

  test("V3 has the hash and the base64 of the reference", () => {
    expect(encodeAnswer({ text: "4", sources: [] })).toEqual(utf8Of(v3.plaintext));
    expect(ciphertextHash(v3.envelope)).toBe(v3.hash);
    expect(Buffer.from(v3.envelope).toString("base64")).toBe(v3.base64);
  });

  test("V4, a session key is wrapped and unwrapped", () => {
    const worker = encryptionKeyPair(v4.workerScalar);
    const ephemeral = encryptionKeyPair(v4.ephemeralScalar);
    expect(worker.publicKey).toEqual(v4.workerPublicKey);
    expect(ephemeral.publicKey).toEqual(v4.ephemeralPublicKey);
    expect(sharedSecret(worker.privateKey, ephemeral.publicKey)).toEqual(v4.secret);
    expect(sharedSecret(ephemeral.privateKey, worker.publicKey)).toEqual(v4.secret);
    expect(wrapSessionKey(v4.sessionKey, worker.publicKey, { ephemeral, nonce: v4.nonce })).toEqual(v4.wrapped);
    expect(unwrapSessionKey(v4.wrapped, worker)).toEqual(v4.sessionKey);
  });

  test("V5, the encryption keystore is written and read", async () => {
    expect(await encodeEncryptionKeystore(v5.scalar, v5.passphrase, v5)).toBe(v5.file);
    expect(await decodeEncryptionKeystore(v5.file, v5.passphrase)).toEqual(v5.scalar);
  });

  test("V6, the session store is written and read", async () => {
    const store = await newSessionStore(v6.passphrase, v6.salt);
    expect(store.fileKey).toEqual(v6.fileKey);
    expect(encodeSessionStore({ ...store, keys: v6.keys }, v6.nonce)).toBe(v6.file);
    expect(await decodeSessionStore(v6.file, v6.passphrase)).toEqual({ ...store, keys: v6.keys });
  });

  test.each(v7)("V7, the blob of $of is packed and named", ({ payload, elements, sha256, ...blob }) => {
    const packed = packBlob(payload);
    expect(hex(packed.subarray(0, 64))).toBe(elements.join(""));
    expect(createHash("sha256").update(packed).digest("hex")).toBe(sha256);
    expect(unpackBlob(packed)).toEqual(payload);
    expect(versionedHash(blob.commitment)).toBe(blob.versionedHash);
  });

  test("V8, the terminal frame is signed and its signer found", async () => {
    const digest = answerDigest(v8.chainId, v8.jobRegistry, v8.jobId, v8.sessionId, v8.ciphertext);
    expect(digest).toBe(v8.digest);
    expect(hashMessage({ raw: digest })).toBe(v8.messageHash);
    const signature = await dev.signMessage({ message: { raw: digest } });
    expect(toFrameSignature(signature)).toBe(v8.signature);
    expect(toContractSignature(v8.signature)).toBe(signature);
    expect(await recoverAnswerSigner(digest, v8.signature)).toBe(devAddress);
  });

  test("V8, the example frame is written letter by letter", () => {
    const { jobId, sessionId, ciphertext, signature } = v8;
    const frame = { type: "complete", jobId, sessionId, seq: 3, correlationId: "42-1001", ts: 1_767_225_600 } as const;
    expect(encodeFrame({ ...frame, payload: ciphertext, signature })).toBe(
      `{"type":"complete","jobId":1001,"sessionId":42,"seq":3,"totalChunks":3,"payload":"${v3.base64}","signature":"${signature}","correlationId":"42-1001","ts":1767225600}`,
    );
  });

  test("V8, the login text is signed as it is", async () => {
    expect(hashMessage(v8.login.text)).toBe(v8.login.hash);
    expect(await dev.signMessage({ message: v8.login.text })).toBe(v8.login.signature);
  });

  test.each(Object.entries(v8.modelIds))("V8, the model %s has the id %s", (name, id) => {
    expect(modelIdOf(name)).toBe(id);
  });
});

describe("consumer reference §3", () => {
  const worker = encryptionKeyPair(consumer.workerScalar);
  const ephemeral = encryptionKeyPair(consumer.ephemeralScalar);

  test("public keys and shared secret", () => {
    expect(worker.publicKey).toEqual(consumer.workerPublicKey);
    expect(ephemeral.publicKey).toEqual(consumer.ephemeralPublicKey);
    expect(sharedSecret(consumer.ephemeralScalar, parsePublicKey(consumer.workerPublicKey))).toEqual(consumer.secret);
  });
  test("wrapped key", () => {
    const wrapped = wrapSessionKey(consumer.sessionKey, worker.publicKey, { ephemeral, nonce: consumer.wrapNonce });
    expect(wrapped).toEqual(consumer.wrapped);
    expect(unwrapSessionKey(consumer.wrapped, worker)).toEqual(consumer.sessionKey);
  });
  test("ciphertext and its hash", () => {
    expect(seal(consumer.sessionKey, utf8Of(consumer.plaintext), consumer.messageNonce)).toEqual(consumer.ciphertext);
    expect(consumer.ciphertext).toHaveLength(33);
    expect(ciphertextHash(consumer.ciphertext)).toBe(consumer.hash);
  });
  test("blob", () => {
    const packed = packBlob(consumer.ciphertext);
    expect(hex(packed.subarray(0, 64))).toBe(consumer.elements.join(""));
    expect(packed.subarray(64).every((byte) => byte === 0)).toBe(true);
  });
  test("signature", async () => {
    const digest = answerDigest(8200, testnetJobRegistry, consumer.jobId, consumer.sessionId, consumer.ciphertext);
    expect(digest).toBe(consumer.digest);
    expect(await dev.signMessage({ message: { raw: digest } })).toBe(consumer.signature);
    expect(await recoverAnswerSigner(digest, consumer.signature)).toBe(devAddress);
  });
});
