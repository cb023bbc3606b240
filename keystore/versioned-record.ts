import { z } from "zod";
import { canonicalJson, type Plain } from "./canonical-json.js";
import { decodeRecord, encodeRecord, refOf, wipeRecord } from "./record-codec.js";
import type { RecordRef, SecretRecord, Versioned } from "./store.js";

/** The form of this text is exact: another form has another version number. */
const textSchema = z.strictObject({
  version: z.literal(1),
  /** Counts the record's changes; what a compare-and-set names. */
  revision: z.number().int().positive(),
  record: z.record(z.string(), z.unknown()),
});
const newerSchema = z.looseObject({ version: z.number().int().min(2) });

/** A record with its version as JSON, for a store that encrypts what it is given by itself. */
export function encodeVersioned({ version, record }: Versioned<SecretRecord>): string {
  const bytes = encodeRecord(record);
  const plain = JSON.parse(new TextDecoder().decode(bytes)) as Plain;
  bytes.fill(0);
  return canonicalJson({ version: 1, revision: version, record: plain });
}

/**
 * Reads what {@link encodeVersioned} wrote.
 * @throws Error when it is not exactly such a text, or another record's; the message never holds any of it
 */
export function decodeVersioned(text: string, ref: RecordRef): Versioned<SecretRecord> {
  const plain = parse(text);
  if (newerSchema.safeParse(plain).success) throw new Error("a newer version of lightchain-fleet wrote it");
  const parsed = textSchema.safeParse(plain);
  if (!parsed.success) throw new Error("its fields are not those of a record");
  const record = decode(parsed.data.record as Plain);
  if (refOf(record) === ref) return { version: parsed.data.revision, record };
  wipeRecord(record);
  throw new Error("it is another record's");
}

/** The parser's own words repeat what it reads, which is secret here. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error("it is no JSON");
  }
}

function decode(plain: Plain): SecretRecord {
  let bytes: Uint8Array;
  try {
    bytes = new TextEncoder().encode(canonicalJson(plain));
  } catch {
    throw new Error("its fields are not those of a record");
  }
  try {
    return decodeRecord(bytes);
  } finally {
    bytes.fill(0);
  }
}
