import { randomBytes, scrypt } from "node:crypto";
import { z } from "zod";
import { type SessionId, sessionId } from "../schema/units.js";
import { EnvelopeError, keyBytes, nonceBytes, open, seal } from "./envelope.js";

/** scrypt as the network's own worker runs it (sidecar reference §2.4): 32 MiB, a few tens of milliseconds. */
const scryptCost = { N: 32768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const saltBytes = 16;

/** What is wrong with a file at rest: not this format, another version, the passphrase (or damage), or what was sealed inside. */
export type KeystoreFileFault = "format" | "version" | "passphrase" | "content";

/** A file at rest that cannot be read. Carries no key material. */
export class KeystoreFileError extends Error {
  constructor(readonly fault: KeystoreFileFault) {
    super(`cannot read the file at rest: ${faultTexts[fault]}`);
    this.name = "KeystoreFileError";
  }
}
const faultTexts: Record<KeystoreFileFault, string> = {
  format: "it is not in the expected form",
  version: "it has a version other than 1",
  passphrase: "the passphrase does not open it, or it is damaged",
  content: "what it holds is not what it should hold",
};

/** Salt and nonce of a file. Default: random; given only where a result must be reproducible. */
export interface FileRandomness {
  readonly salt?: Uint8Array;
  readonly nonce?: Uint8Array;
}

/** Writes the encryption key file that the network's own worker reads: `{"version":1,"salt","encryptedKey"}`. */
export async function encodeEncryptionKeystore(
  privateKey: Uint8Array,
  passphrase: string | Uint8Array,
  { salt = randomBytes(saltBytes), nonce = randomBytes(nonceBytes) }: FileRandomness = {},
): Promise<string> {
  const fileKey = await deriveFileKey(passphrase, salt);
  const encryptedKey = base64(seal(fileKey, privateKey, nonce));
  fileKey.fill(0);
  return JSON.stringify({ version: 1, salt: base64(salt), encryptedKey });
}

/**
 * Reads an encryption key file. The result is the 32-byte scalar: secret, the caller zeroes it.
 * @throws KeystoreFileError
 */
export async function decodeEncryptionKeystore(text: string, passphrase: string | Uint8Array): Promise<Uint8Array> {
  const file = parseFile(encryptionKeystoreSchema, text);
  const fileKey = await deriveFileKey(passphrase, file.salt);
  const scalar = openFile(fileKey, file.encryptedKey);
  fileKey.fill(0);
  if (scalar.length !== keyBytes) {
    scalar.fill(0);
    throw new KeystoreFileError("content");
  }
  return scalar;
}

/** An opened session-key store: its keys, and what is needed to write it again without the passphrase. */
export interface SessionStoreFile {
  readonly salt: Uint8Array;
  /** The key the file is sealed with. Secret: zeroed by whoever closes the store. */
  readonly fileKey: Uint8Array;
  readonly keys: ReadonlyMap<SessionId, Uint8Array>;
}

/** An empty session-key store under this passphrase, with a salt that it keeps for life. */
export async function newSessionStore(
  passphrase: string | Uint8Array,
  salt: Uint8Array = randomBytes(saltBytes),
): Promise<SessionStoreFile> {
  return { salt: new Uint8Array(salt), fileKey: await deriveFileKey(passphrase, salt), keys: new Map() };
}

/** Writes a session-key store: same salt each time, a fresh nonce each time. */
export function encodeSessionStore(store: SessionStoreFile, nonce: Uint8Array = randomBytes(nonceBytes)): string {
  const entries = [...store.keys].map(([id, key]) => [id.toString(), base64(key)] as const);
  entries.sort(([a], [b]) => (a < b ? -1 : 1)); // by text, as Go writes maps
  // Not through an object: it would put keys that look like small integers in numeric order.
  const body = entries.map(([id, key]) => `${JSON.stringify(id)}:${JSON.stringify(key)}`).join(",");
  const plaintext = Buffer.from(`{${body}}`);
  const data = base64(seal(store.fileKey, plaintext, nonce));
  plaintext.fill(0);
  return JSON.stringify({ version: 1, salt: base64(store.salt), data });
}

/**
 * Reads a session-key store.
 * @throws KeystoreFileError
 */
export async function decodeSessionStore(text: string, passphrase: string | Uint8Array): Promise<SessionStoreFile> {
  const file = parseFile(sessionStoreSchema, text);
  const fileKey = await deriveFileKey(passphrase, file.salt);
  const plaintext = openFile(fileKey, file.data);
  const content = sessionKeysSchema.safeParse(jsonOrUndefined(Buffer.from(plaintext).toString("utf8")));
  plaintext.fill(0);
  if (!content.success) throw new KeystoreFileError("content");
  const keys = new Map(Object.entries(content.data).map(([id, key]) => [sessionId(BigInt(id)), key]));
  return { salt: file.salt, fileKey, keys };
}

/** The key a passphrase and a salt give. Secret: the caller zeroes it. */
function deriveFileKey(passphrase: string | Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, keyBytes, scryptCost, (error, key) =>
      error === null ? resolve(new Uint8Array(key.buffer, key.byteOffset, key.length)) : reject(error),
    );
  });
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");

const base64Bytes = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const salt = base64Bytes.refine((bytes) => bytes.length === saltBytes);
const encryptionKeystoreSchema = z.object({ version: z.literal(1), salt, encryptedKey: base64Bytes });
const sessionStoreSchema = z.object({ version: z.literal(1), salt, data: base64Bytes });
const sessionKeysSchema = z.record(
  z.string().regex(/^\d+$/),
  base64Bytes.refine((key) => key.length === keyBytes),
);

function parseFile<T>(schema: z.ZodType<T>, text: string): T {
  const json = jsonOrUndefined(text);
  const version = z.object({ version: z.number() }).safeParse(json);
  if (version.success && version.data.version !== 1) throw new KeystoreFileError("version");
  const file = schema.safeParse(json);
  if (!file.success) throw new KeystoreFileError("format");
  return file.data;
}

function openFile(fileKey: Uint8Array, envelope: Uint8Array): Uint8Array {
  try {
    return open(fileKey, envelope);
  } catch (error) {
    fileKey.fill(0);
    throw error instanceof EnvelopeError ? new KeystoreFileError("passphrase") : error;
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
