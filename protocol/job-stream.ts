import { z } from "zod";
import { addressSchema } from "../schema/network.js";
import {
  jobId,
  modelId,
  sessionId,
  type Address,
  type Hash,
  type JobId,
  type ModelId,
  type SessionId,
} from "../schema/units.js";
import { stringifyExact } from "./exact-json.js";
import { readFrame, wireId } from "./frames.js";

/** Where a worker's jobs come from in dispatcher mode: a WebSocket of the gateway's. */
export const JOB_STREAM_PATH = "/api/jobs/stream";

/** A job as the dispatcher tells it. The chain decides what of it is true. Source: sidecar reference §3.8. */
export interface JobPayload {
  readonly jobId: JobId;
  readonly sessionId: SessionId;
  readonly consumer: Address;
  readonly worker: Address;
  readonly modelId: ModelId;
  /** Versioned hash of the prompt's blob. */
  readonly promptBlobHash: Hash;
  /** Block of the submission. */
  readonly blockNumber: bigint;
  /** When it was submitted, Unix seconds. */
  readonly timestamp: number;
  readonly correlationId: string;
  /** Earlier jobs of the session, ascending; `null` where the dispatcher does not say. */
  readonly priorJobIds: readonly JobId[] | null;
}

/** What a worker says on the stream. Source: sidecar reference §5.5. */
export type JobStreamReply =
  | {
      readonly type: "ready";
      /** Most jobs it works on at a time. */
      readonly slots: number;
    }
  | { readonly type: "ack"; readonly jobId: JobId }
  | {
      readonly type: "done";
      readonly jobId: JobId;
      /** Why it will not be answered; `null` when it was. */
      readonly error: string | null;
    };

/** What the dispatcher says. `unknown` is to be ignored: newer ones say more. */
export type JobStreamMessage =
  { readonly type: "job"; readonly jobId: JobId; readonly payload: JobPayload } | { readonly type: "unknown" };

/** Writes what a worker says. */
export function encodeJobReply(reply: JobStreamReply): string {
  if (reply.type !== "done") return stringifyExact(reply);
  const { type, jobId: job, error } = reply;
  return stringifyExact({ type, jobId: job, ...(error !== null && { error }) });
}

/** Writes a job as the dispatcher sends it: ids above 2^53 keep their digits, the model's id goes without `0x`. */
export function encodeJob(payload: JobPayload): string {
  const { modelId: model, priorJobIds, ...rest } = payload;
  return stringifyExact({
    type: "job",
    jobId: payload.jobId,
    payload: { ...rest, modelId: model.slice(2), ...(priorJobIds !== null && { priorJobIds }) },
  });
}

const jobIdSchema = wireId.transform(jobId);
const reply = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready"), slots: z.int().nonnegative() }),
  z.object({ type: z.literal("ack"), jobId: jobIdSchema }),
  z.object({
    type: z.literal("done"),
    jobId: jobIdSchema,
    error: z
      .string()
      .nullish()
      .transform((text) => (text === undefined || text === "" ? null : text)),
  }),
]);
const payload = z.object({
  jobId: jobIdSchema,
  sessionId: wireId.transform(sessionId),
  consumer: addressSchema,
  worker: addressSchema,
  modelId: z
    .string()
    .regex(/^(0x)?[0-9a-fA-F]{64}$/)
    .transform((text) => modelId(text.startsWith("0x") ? text : `0x${text}`)),
  promptBlobHash: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/)
    .transform((text) => text.toLowerCase() as Hash),
  blockNumber: wireId,
  timestamp: z.int().nonnegative(),
  correlationId: z.string().default(""),
  priorJobIds: z
    .array(jobIdSchema)
    .nullish()
    .transform((ids) => ids ?? null),
});
const job = z
  .object({ type: z.literal("job"), jobId: jobIdSchema, payload })
  .refine((message) => message.jobId === message.payload.jobId, "the message and its payload name different jobs");
const anyMessage = z.looseObject({ type: z.unknown().optional() });

/** Reads what a worker says; `undefined` for a type that is not known, which is to be ignored. @throws FrameError */
export function parseJobReply(text: string): JobStreamReply | undefined {
  const { type } = readFrame(anyMessage, text);
  return type === "ready" || type === "ack" || type === "done" ? readFrame(reply, text) : undefined;
}

/** Reads what the dispatcher says. @throws FrameError on a job that cannot be read */
export function parseJobMessage(text: string): JobStreamMessage {
  return readFrame(anyMessage, text).type === "job" ? readFrame(job, text) : { type: "unknown" };
}
