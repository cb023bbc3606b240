import { z } from "zod";
import { blockTimeSchema, bigintSchema, hashSchema, hexSchema } from "../schema/json.js";
import { addressSchema } from "../schema/network.js";
import { canonicalJson, type Plain } from "./canonical-json.js";
import type { EmptyOnChain, RecordRef, SecretRecord, StoredTx } from "./store.js";

/** A record's place in its store, as its own content says. */
export const refOf = (record: SecretRecord): RecordRef => `${record.kind}/${record.chainId}/${record.name}`;

/** The parts of a {@link RecordRef}. */
export interface RefParts {
  readonly kind: SecretRecord["kind"];
  readonly chainId: number;
  readonly name: string;
}

/**
 * Takes a reference apart. Names are limited to what is safe as part of a file's name on every system.
 * @throws RangeError when it is none
 */
export function parseRef(ref: string): RefParts {
  const match = /^(worker|treasury)\/([1-9][0-9]{0,15})\/([A-Za-z0-9][A-Za-z0-9._-]{0,99})$/.exec(ref);
  const [, kind, chainId, name] = match ?? [];
  if ((kind !== "worker" && kind !== "treasury") || chainId === undefined || name === undefined)
    throw new RangeError(`not a record's name: ${ref}`);
  return { kind, chainId: Number(chainId), name };
}

/**
 * A record as canonical JSON, ready to be sealed. The caller zeroes the bytes afterwards.
 * (The keys pass through short-lived strings on the way, which the language cannot wipe.)
 * @throws Error when it could not be read back, for instance with an address that is not checksummed
 */
export function encodeRecord(record: SecretRecord): Uint8Array {
  const text = canonicalJson(toPlain(record));
  const bytes = new TextEncoder().encode(text);
  const again = decodeRecord(bytes);
  const isSame = canonicalJson(toPlain(again)) === text;
  wipeRecord(again);
  if (!isSame) throw new Error("not a record in canonical form");
  return bytes;
}

/** Overwrites a record's keys. For copies that nobody else uses. */
export function wipeRecord(record: SecretRecord): void {
  record.signingKey.fill(0);
  if (record.kind === "worker") record.encryptionKey.fill(0);
}

/**
 * Reads what {@link encodeRecord} wrote, in this version or another: fields that only a newer one knows are kept, through every change and back into the
 * store; fields that an older one did not know yet have defaults.
 * @throws Error when the bytes are not exactly such a record; the message never holds any of them
 */
export function decodeRecord(bytes: Uint8Array): SecretRecord {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const plain = JSON.parse(text) as Plain;
  const parsed = recordSchema.safeParse(plain);
  if (!parsed.success)
    throw new Error(`not a record: ${parsed.error.issues.map((issue) => issue.path.join(".")).join()}`);
  if (canonicalJson(plain) !== text) throw new Error("not a record in canonical form");
  return parsed.data;
}

const key32 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
const count = z.number().int().nonnegative();

const storedTxSchema: z.ZodType<StoredTx> = z.looseObject({
  purpose: z.string().min(1),
  from: addressSchema,
  nonce: count,
  hash: hashSchema,
  raw: hexSchema,
  lane: z.enum(["plain", "blob"]),
  outcome: z.enum(["open", "mined", "reverted", "dead"]),
  mined: z.looseObject({ block: bigintSchema, fee: bigintSchema }).nullable(),
});

/** Wire form of {@link EmptyOnChain}. */
export const emptyOnChainSchema: z.ZodType<EmptyOnChain> = z.looseObject({
  chainId: count,
  block: bigintSchema,
  blockHash: hashSchema,
  balance: bigintSchema,
});

const recordSchema = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("worker"),
    chainId: count,
    workerRegistry: addressSchema,
    name: z.string(),
    signingKey: key32,
    encryptionKey: key32,
    address: addressSchema,
    encryptionPublicKey: hexSchema,
    refundTo: addressSchema,
    generation: count,
    leaving: z.boolean(),
    fundedFrom: z.looseObject({ store: z.string(), ref: z.string() }).exactOptional(),
    epoch: count,
    holder: z.string().nullable(),
    holderAt: z.looseObject({ sealKey: z.string(), reference: z.string() }).exactOptional(),
    registeredAt: z.looseObject({ number: bigintSchema, hash: hashSchema, time: blockTimeSchema }).nullable(),
    sent: z.array(storedTxSchema),
    archived: emptyOnChainSchema.nullable(),
    recoveryKey: z.templateLiteral(["0x", z.string().regex(/^[0-9a-f]{64}$/)]).exactOptional(),
  }),
  z.looseObject({
    kind: z.literal("treasury"),
    chainId: count,
    name: z.string(),
    signingKey: key32,
    address: addressSchema,
    sent: z.array(storedTxSchema),
    former: z
      .array(z.looseObject({ worker: addressSchema, generation: count, last: count, amount: bigintSchema }))
      .exactOptional(),
  }),
]);

/** bigints as decimal strings, bytes as hex without 0x; everything else as it is. */
export function toPlain(value: unknown): Plain {
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string")
    return value;
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toPlain(item)]));
  throw new TypeError(`cannot be kept in a record: ${typeof value}`);
}
