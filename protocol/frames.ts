import { z } from "zod";
import { type Hex, type JobId, type SessionId, jobId, sessionId } from "../schema/units.js";
import { parseExact, stringifyExact } from "./exact-json.js";

/** What a chunk carries; only `text` is ever part of the settled answer. */
export const chunkKinds = ["text", "reasoning", "stats", "audio", "artifact"] as const;
/** One of {@link chunkKinds}. */
export type ChunkKind = (typeof chunkKinds)[number];

interface FrameOfJob {
  readonly jobId: JobId;
  readonly sessionId: SessionId;
  readonly correlationId: string;
  /** When the frame was made, Unix seconds. */
  readonly ts: number;
}
/** A piece of the stream: `payload` is an envelope of its own under the session key. Not signed. */
export interface ChunkFrame extends FrameOfJob {
  readonly type: "chunk";
  readonly kind: ChunkKind;
  /** 1, 2, 3, … over all kinds of one job. */
  readonly seq: number;
  readonly payload: Uint8Array;
}
/** Sources of a searched answer; `payload` is an envelope of JSON. Takes no place in the sequence. */
export interface MetadataFrame extends FrameOfJob {
  readonly type: "metadata";
  readonly payload: Uint8Array;
}
/** The end: the very ciphertext that is settled, and the worker's signature over it (`protocol/signature.ts`, last byte 0/1). */
export interface CompleteFrame extends FrameOfJob {
  readonly type: "complete";
  /** One more than the number of chunks. */
  readonly seq: number;
  readonly payload: Uint8Array;
  readonly signature: Hex;
}
/** A frame that a worker sends to its gateway. Source: sidecar reference §5.4. */
export type WorkerFrame = ChunkFrame | MetadataFrame | CompleteFrame;

/** How a job is named in logs and frames: `<session>-<job>`. */
export const correlationIdOf = (session: SessionId, job: JobId): string => `${session.toString()}-${job.toString()}`;

/** Writes a frame as it goes over the stream; ids above 2^53 keep all their digits. */
export function encodeFrame(frame: WorkerFrame): string {
  const { type, jobId, sessionId, correlationId, ts } = frame;
  return stringifyExact({
    type,
    ...(type === "chunk" && { kind: frame.kind }),
    jobId,
    sessionId,
    seq: type === "metadata" ? 0 : frame.seq,
    totalChunks: type === "chunk" ? 0 : type === "metadata" ? 1 : frame.seq,
    payload: toBase64(frame.payload),
    signature: type === "complete" ? frame.signature : "",
    correlationId,
    ts,
  });
}

/** The body of the HTTP fallback, `POST /api/jobs/{jobId}/response`; the gateway relays it as a complete frame. */
export function encodeResponseBody({ sessionId, seq, payload, signature, correlationId }: CompleteFrame): string {
  return stringifyExact({
    sessionId,
    seq,
    totalChunks: seq,
    payload: toBase64(payload),
    signature,
    correlationId,
  });
}

/** Text that is not a frame. */
export class FrameError extends Error {
  constructor(reason: string) {
    super(`not a frame: ${reason}`);
    this.name = "FrameError";
  }
}

const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");

/** An id as JSON carries it: a number of any size. Parse the text with `parseExact`. */
export const wireId = z
  .union([z.int().nonnegative(), z.bigint().nonnegative()])
  .transform(BigInt)
  .refine((value) => value < 1n << 256n);
const count = z.int().nonnegative();
const payload = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const frameSignature = z
  .string()
  .regex(/^0x[0-9a-fA-F]{130}$/)
  .transform((text) => text.toLowerCase() as Hex);
const ofJob = {
  jobId: wireId.transform(jobId),
  sessionId: wireId.transform(sessionId),
  correlationId: z.string(),
  ts: count,
};
const chunk = {
  ...ofJob,
  type: z.literal("chunk"),
  kind: z.enum(chunkKinds).default("text"),
  seq: z.int().positive(),
  payload,
};
const metadata = { ...ofJob, type: z.literal("metadata"), payload };
const complete = { ...ofJob, type: z.literal("complete"), seq: count, payload, signature: frameSignature };
const workerFrame = z.discriminatedUnion("type", [z.object(chunk), z.object(metadata), z.object(complete)]);

/**
 * Reads a frame as a gateway must: of the three kinds, ids as numbers, payload in base64, an end that is signed.
 * @throws FrameError
 */
export function parseWorkerFrame(text: string): WorkerFrame {
  return readFrame(workerFrame, text);
}

const responseBody = z.object({
  sessionId: ofJob.sessionId,
  seq: count,
  totalChunks: count,
  payload,
  signature: frameSignature,
  correlationId: z.string().default(""),
});

/**
 * Reads the body of the HTTP fallback as the complete frame it stands for.
 * @param job from the request's path
 * @param ts Unix seconds
 * @throws FrameError
 */
export function parseResponseBody(text: string, job: JobId, ts: number): CompleteFrame {
  const { sessionId, seq, payload, signature, correlationId } = readFrame(responseBody, text);
  return { type: "complete", jobId: job, sessionId, seq, payload, signature, correlationId, ts };
}

/** An answer's end as a consumer may get it: other workers leave out payload or signature (consumer reference §7.6). */
export interface RelayedComplete extends FrameOfJob {
  readonly type: "complete";
  readonly seq: number;
  /** Empty: what was streamed stands. Otherwise it replaces what was streamed. */
  readonly payload: Uint8Array;
  readonly signature: Hex | null;
}
/** Something went wrong with a job, or (`droppedSeq` above 0) frames were left out. */
export interface ErrorFrame {
  readonly type: "error";
  readonly code: string;
  readonly jobId: JobId;
  readonly sessionId: SessionId;
  readonly droppedSeq: number;
  readonly message: string;
}
/** News of a session. */
export interface SessionNotice {
  readonly type: "reassignment_required" | "reassigned" | "closed";
  readonly sessionId: SessionId;
  readonly reason: string;
  readonly newWorker: string | null;
}

/** Writes news of a session as the relay sends it; `ts` is Unix seconds (consumer reference §7.6). */
export function encodeNotice({ type, sessionId, reason, newWorker }: SessionNotice, ts: number): string {
  return stringifyExact({
    type,
    sessionId,
    ...(reason !== "" && { reason }),
    ...(newWorker !== null && { newWorker }),
    ts,
  });
}

/** What a consumer receives. `unknown` is to be ignored: newer networks say more. */
export type RelayFrame =
  ChunkFrame | MetadataFrame | RelayedComplete | ErrorFrame | SessionNotice | { readonly type: "unknown" };

const lenient = { ...ofJob, correlationId: z.string().default(""), ts: count.default(0) };
const lenientPayload = z
  .string()
  .nullish()
  .transform((text) => text ?? "")
  .pipe(payload);
const relayFrame = z.discriminatedUnion("type", [
  z.object({ ...chunk, ...lenient }),
  z.object({ ...metadata, ...lenient }),
  z.object({
    ...lenient,
    type: z.literal("complete"),
    seq: count.default(0),
    payload: lenientPayload,
    signature: z
      .string()
      .nullish()
      .transform((text) => frameSignature.safeParse(text).data ?? null),
  }),
  z.object({
    type: z.literal("error"),
    code: z.string().default(""),
    jobId: ofJob.jobId.default(jobId(0n)),
    sessionId: ofJob.sessionId.default(sessionId(0n)),
    droppedSeq: count.default(0),
    message: z.string().default(""),
  }),
  z.object({
    type: z.enum(["reassignment_required", "reassigned", "closed"]),
    sessionId: ofJob.sessionId,
    reason: z.string().default(""),
    newWorker: z.string().nullable().default(null),
  }),
]);
const relayTypes: readonly unknown[] = [
  "chunk",
  "metadata",
  "complete",
  "error",
  "reassignment_required",
  "reassigned",
  "closed",
];
const anyFrame = z.looseObject({ type: z.unknown().optional(), kind: z.unknown().optional() });

/**
 * Reads a frame as a consumer does: lenient where workers differ, and `unknown` for kinds it does not know.
 * @throws FrameError
 */
export function parseRelayFrame(text: string): RelayFrame {
  const { type, kind } = readFrame(anyFrame, text);
  const known = relayTypes.includes(type) && (kind === undefined || chunkKinds.some((name) => name === kind));
  return known ? readFrame(relayFrame, text) : { type: "unknown" };
}

/** Parses a frame's text exactly, and checks it. @throws FrameError */
export function readFrame<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = parseExact(text);
  } catch {
    throw new FrameError("not JSON");
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new FrameError(result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}
