import { describe, expect, test } from "vitest";
import { seal } from "../../protocol/envelope.js";
import {
  KeystoreFileError,
  decodeEncryptionKeystore,
  decodeSessionStore,
  encodeEncryptionKeystore,
  encodeSessionStore,
  newSessionStore,
} from "../../protocol/keystore-files.js";
import { sessionId } from "../../schema/units.js";
import { utf8Of, bytes, vectors } from "./fixtures.js";

const { v5, v6 } = vectors;
const faultOf = (reading: Promise<unknown>): Promise<unknown> =>
  reading.then(
    () => "none",
    (error: unknown) => (error instanceof KeystoreFileError ? error.fault : error),
  );
const change = (file: string, changes: object): string =>
  JSON.stringify({ ...(JSON.parse(file) as object), ...changes });

describe("the encryption keystore", () => {
  test("is different each time and opens to the same key", async () => {
    const [one, two] = await Promise.all([1, 2].map(() => encodeEncryptionKeystore(v5.scalar, "secret")));
    expect(one).not.toBe(two);
    expect(await decodeEncryptionKeystore(one!, utf8Of("secret"))).toEqual(v5.scalar);
  });
  test.each<[what: string, fault: string, file: string]>([
    ["version 2", "version", change(v5.file, { version: 2 })],
    ["no version", "format", change(v5.file, { version: undefined })],
    ["a text that is no JSON", "format", v5.file.slice(0, -1)],
    ["a salt of 15 bytes", "format", change(v5.file, { salt: Buffer.alloc(15).toString("base64") })],
    ["a key that is not base64", "format", change(v5.file, { encryptedKey: "??" })],
    ["a session store", "format", v6.file],
    ["another salt", "passphrase", change(v5.file, { salt: Buffer.alloc(16).toString("base64") })],
    ["a key cut off", "passphrase", change(v5.file, { encryptedKey: Buffer.alloc(27).toString("base64") })],
  ])("with %s has the fault %s", async (_, fault, file) => {
    expect(await faultOf(decodeEncryptionKeystore(file, v5.passphrase))).toBe(fault);
  });
  test("with another passphrase does not open, and says nothing of it", async () => {
    const reading = decodeEncryptionKeystore(v5.file, "another-passphrase");
    expect(await faultOf(reading)).toBe("passphrase");
    await expect(reading).rejects.not.toThrow("another-passphrase");
  });
  test("that holds something else than a scalar is refused", async () => {
    const file = await encodeEncryptionKeystore(new Uint8Array(31), v5.passphrase);
    expect(await faultOf(decodeEncryptionKeystore(file, v5.passphrase))).toBe("content");
  });
});

describe("the session store", () => {
  test("is written again with the same salt and another nonce", async () => {
    const store = await newSessionStore("secret");
    const files = [encodeSessionStore(store), encodeSessionStore(store)].map(
      (file) => JSON.parse(file) as { salt: string },
    );
    expect(files[0]!.salt).toBe(files[1]!.salt);
    expect(files[0]).not.toEqual(files[1]);
  });
  test("keeps ids beyond 2^53 and orders them as text", async () => {
    const store = await newSessionStore("secret");
    const ids = [9n, 10n, 2n ** 64n - 1n, 2n ** 53n + 1n].map(sessionId);
    const keys = new Map(ids.map((id, at) => [id, new Uint8Array(32).fill(at)]));
    const read = await decodeSessionStore(encodeSessionStore({ ...store, keys }), "secret");
    expect(read.keys).toEqual(keys);
  });
  test.each<[what: string, content: string]>([
    ["an array", "[]"],
    ["an id in hex", '{"0x2a":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}'],
    ["a key of 31 bytes", `{"42":"${Buffer.alloc(31).toString("base64")}"}`],
    ["half a document", '{"42":'],
  ])("that holds %s is refused", async (_, content) => {
    const data = Buffer.from(seal(v6.fileKey, utf8Of(content))).toString("base64");
    expect(await faultOf(decodeSessionStore(change(v6.file, { data }), v6.passphrase))).toBe("content");
  });
  test("with any change to its sealed bytes does not open", async () => {
    const sealed = bytes(Buffer.from((JSON.parse(v6.file) as { data: string }).data, "base64").toString("hex"));
    sealed[20]! ^= 1;
    const file = change(v6.file, { data: Buffer.from(sealed).toString("base64") });
    expect(await faultOf(decodeSessionStore(file, v6.passphrase))).toBe("passphrase");
  });
});
