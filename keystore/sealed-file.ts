import { createHash, timingSafeEqual } from "node:crypto";
import nacl from "tweetnacl";
import { z } from "zod";
import { hexSchema } from "../schema/json.js";
import { addressSchema } from "../schema/network.js";
import { canonicalJson, type Plain } from "./canonical-json.js";
import { kdfSchema, type Kdf, type StretchedKey } from "./kdf.js";
import { decodeRecord, encodeRecord, parseRef, refOf } from "./record-codec.js";
import type { RecordRef, SecretRecord } from "./store.js";

/*
 * The text of one record's file: what anybody may know in clear, and the record in a secretbox. The clear part is repeated inside the box and compared, so a
 * file cannot pass for another worker's or another version. A checksum over all of it tells damage from a wrong passphrase.
 */

/** Everything of a record's file but its checksum. */
const contentSchema = z.strictObject({
  version: z.literal(1),
  kind: z.enum(["worker", "treasury"]),
  chainId: z.number().int().positive(),
  name: z.string().min(1),
  address: addressSchema,
  /** Workers only. */
  encryptionPublicKey: hexSchema.optional(),
  archived: z.boolean(),
  /** Counts the record's changes; what a compare-and-set names. */
  revision: z.number().int().positive(),
  kdf: kdfSchema,
  salt: z.hex().length(32),
  check: z.hex().length(64),
  nonce: z.hex().length(48),
  box: z.base64(),
});
const fileSchema = contentSchema.extend({ sum: z.hex().length(64) });
/** The form of these files is exact, since all of it is authenticated: another form has another version. */
const newerSchema = z.looseObject({ version: z.number().int().min(2) });
/** A record's file, read but not opened. */
export type SealedFile = z.infer<typeof fileSchema>;

/** How a record's file was sealed: enough to seal its next version the same way. */
export interface Sealing {
  readonly kdf: Kdf;
  readonly salt: Uint8Array;
}

/** The text to write for a record. */
export function sealRecord(record: SecretRecord, revision: number, sealing: Sealing, stretched: StretchedKey): string {
  const clear = clearPart(record, revision);
  const plaintext = joinHeader(canonicalJson(clear), encodeRecord(record));
  const nonce = nacl.randomBytes(nacl.secretbox.nonceLength);
  const box = nacl.secretbox(plaintext, nonce, stretched.key);
  plaintext.fill(0);
  const content = {
    ...clear,
    kdf: { ...sealing.kdf },
    salt: hex(sealing.salt),
    check: hex(stretched.check),
    nonce: hex(nonce),
    box: Buffer.from(box).toString("base64"),
  };
  return `${canonicalJson({ ...content, sum: sumOf(content) })}\n`;
}

/** Reads a file's text. @throws Error when it is not exactly what {@link sealRecord} writes */
export function readSealed(text: string, ref: RecordRef): SealedFile {
  const json: unknown = JSON.parse(text);
  if (newerSchema.safeParse(json).success) throw new Error("a newer version of lightchain-fleet wrote it");
  const file = fileSchema.parse(json);
  const { sum, ...content } = file;
  if (`${canonicalJson(definedOnly(file))}\n` !== text || sumOf(definedOnly(content)) !== sum)
    throw new Error("its checksum does not match");
  const { kind, chainId, name } = parseRef(ref);
  if (file.kind !== kind || file.chainId !== chainId || file.name !== name)
    throw new Error(`it is the record ${file.kind}/${file.chainId}/${file.name}`);
  return file;
}

/** How a file was sealed. */
export const sealingOf = (file: SealedFile): Sealing => ({
  kdf: file.kdf,
  salt: Uint8Array.from(Buffer.from(file.salt, "hex")),
});

/** Whether a passphrase, stretched with the file's own salt, is the one that sealed it. */
export const isOpenedBy = (file: SealedFile, stretched: StretchedKey): boolean =>
  timingSafeEqual(Buffer.from(file.check, "hex"), stretched.check);

/** Opens a file whose passphrase was found right. @throws Error when the box, or what is in it, does not fit the clear part */
export function openSealed(file: SealedFile, stretched: StretchedKey): SecretRecord {
  const box = Uint8Array.from(Buffer.from(file.box, "base64"));
  const plaintext = nacl.secretbox.open(box, Uint8Array.from(Buffer.from(file.nonce, "hex")), stretched.key);
  if (plaintext === null) throw new Error("its box does not open");
  try {
    const { header, body } = splitHeader(plaintext);
    const record = decodeRecord(body);
    const clear = canonicalJson(clearPart(record, file.revision));
    if (header !== clear || clear !== canonicalJson(clearOf(file))) throw new Error("its clear part was changed");
    return record;
  } finally {
    plaintext.fill(0);
  }
}

function clearPart(record: SecretRecord, revision: number): Record<string, Plain> {
  const { kind, chainId, name } = parseRef(refOf(record));
  const common = { version: 1, kind, chainId, name, address: record.address, revision };
  return record.kind === "worker"
    ? { ...common, encryptionPublicKey: record.encryptionPublicKey, archived: record.archived !== null }
    : { ...common, archived: false };
}

function clearOf(file: SealedFile): Record<string, Plain> {
  const { version, kind, chainId, name, address, encryptionPublicKey, archived, revision } = file;
  return definedOnly({ version, kind, chainId, name, address, encryptionPublicKey, archived, revision });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const sumOf = (content: Record<string, Plain>): string =>
  createHash("sha256").update(canonicalJson(content)).digest("hex");
const definedOnly = (fields: Record<string, Plain | undefined>): Record<string, Plain> =>
  Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Plain] => entry[1] !== undefined));

/** `<length of the header, 4 bytes><header><body>`; wipes the body it was given. */
function joinHeader(header: string, body: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(header);
  const joined = new Uint8Array(4 + text.length + body.length);
  new DataView(joined.buffer).setUint32(0, text.length);
  joined.set(text, 4);
  joined.set(body, 4 + text.length);
  body.fill(0);
  return joined;
}

function splitHeader(joined: Uint8Array): { header: string; body: Uint8Array } {
  const length = new DataView(joined.buffer, joined.byteOffset, joined.byteLength).getUint32(0);
  return { header: new TextDecoder().decode(joined.subarray(4, 4 + length)), body: joined.subarray(4 + length) };
}
