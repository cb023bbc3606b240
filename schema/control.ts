import { z } from "zod";
import {
  bigintSchema,
  blockTimeSchema,
  hashSchema,
  hexSchema,
  jobIdSchema,
  modelIdSchema,
  modelNameSchema,
  sessionIdSchema,
  weiSchema,
} from "./json.js";
import { addressSchema } from "./network.js";

/** Version of this protocol; a sidecar answers any request that names a version it knows. */
export const controlVersion = 1;

const stakePolicySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("minimum"), max: weiSchema }),
  z.object({ kind: z.literal("fixed"), amount: weiSchema }),
]);

/** What `live` asks for; becomes `lifecycle`'s `Desired` with the key the sidecar holds. */
export const servingSchema = z.object({
  generation: z.number().int().positive(),
  models: z.array(modelIdSchema).min(1),
  stake: stakePolicySchema,
  gasReserve: weiSchema,
});
export type Serving = z.infer<typeof servingSchema>;

/**
 * A request on the control socket: one JSON line, answered by one JSON line. Each carries the token that the sidecar wrote beside its socket at
 * start, so that reaching the socket alone is not enough.
 */
export const controlRequestSchema = z.discriminatedUnion("op", [
  /** What this sidecar is, holds and does. Changes nothing. */
  z.object({ op: z.literal("status") }),
  /** Rehearse, register, add models, serve. Returns at once; `status` tells how far it is. Idempotent. */
  z.object({ op: z.literal("live"), serving: servingSchema }),
  /** Claim no more, serve open sessions, and exit the network when jobs allow. Sticky for this generation. */
  z.object({ op: z.literal("leave"), generation: z.number().int().positive() }),
  /** Claim again after an offence stopped it. */
  z.object({ op: z.literal("resume") }),
  /** Finish what is running and end the process; claims stop at once. */
  z.object({ op: z.literal("drain") }),
]);
/** What may be asked over the control socket. */
export type ControlRequest = z.input<typeof controlRequestSchema>;
export type ParsedControlRequest = z.infer<typeof controlRequestSchema>;

/** One request as it goes over the socket: with the token that only the operator can read. */
export const controlFrameSchema = z.object({
  version: z.literal(controlVersion),
  token: z.string(),
  request: controlRequestSchema,
});

const problemSchema = z.object({ code: z.string(), summary: z.string(), fix: z.string() });
export type Problem = z.infer<typeof problemSchema>;

/** How far the sidecar is on its way. `gone`: left, deregistered and swept; nothing of value remains under its key. */
export const sidecarModes = ["standby", "joining", "live", "leaving", "gone", "draining"] as const;

/** What a sidecar says of itself. */
export const statusSchema = z.object({
  /** Version of the bundle it runs from. */
  bundle: z.string(),
  worker: addressSchema,
  host: z.string(),
  epoch: z.number().int().nonnegative(),
  mode: z.enum(sidecarModes),
  /** Whether new sessions are claimed: false after an offence, until resumed, and where a dispatcher gives sessions out. */
  claiming: z.boolean(),
  /** How the network gives sessions out; `null` while that was not read. Default null, for a sidecar that does not say so. */
  selection: z.enum(["sortition", "dispatcher"]).nullable().default(null),
  generation: z.number().int().nonnegative(),
  /** Highest generation that left the network. */
  leftGeneration: z.number().int().nonnegative(),
  rehearsed: z.boolean(),
  /** What it does or waits for next, for a person. */
  next: z.string(),
  /** When the wait in `next` ends at the earliest. */
  nextAt: blockTimeSchema.nullable(),
  blockers: z.array(problemSchema),
  /** Last thing that went wrong and was not final; `null` when all is well. */
  trouble: problemSchema.nullable(),
  block: z.object({ number: bigintSchema, time: blockTimeSchema }).nullable(),
  registered: z.boolean(),
  stake: weiSchema,
  balance: weiSchema,
  earnings: weiSchema,
  quiet: z.boolean(),
  models: z.array(
    z.object({
      id: modelIdSchema,
      name: modelNameSchema,
      supported: z.boolean(),
      eligible: z.boolean(),
      /** A session or job may still ask for it, or may come: its weights must stay. Default true, for a sidecar that does not say so. */
      needed: z.boolean().default(true),
    }),
  ),
  sessions: z.array(z.object({ id: sessionIdSchema, standing: z.enum(["open", "dead"]) })),
  jobs: z.array(z.object({ id: jobIdSchema, state: z.string(), releasableAt: blockTimeSchema.nullable() })),
  gateway: z.object({ connected: z.boolean(), lastHeartbeatMs: z.number().nullable() }),
  /** Transactions of this key that the journal knows, oldest first: all of its lifecycle, and the newest hundred of its daily work. */
  transactions: z.array(
    z.object({
      purpose: z.string(),
      hash: hashSchema,
      outcome: z.enum(["open", "mined", "reverted", "dead"]),
      block: bigintSchema.nullable(),
      fee: weiSchema.nullable(),
    }),
  ),
  registeredAt: z.object({ number: bigintSchema, hash: hexSchema }).nullable(),
});
export type SidecarStatus = z.infer<typeof statusSchema>;

/** An answer, or the error in its place. */
export const controlReplySchema = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), status: statusSchema }),
  z.object({ ok: z.literal(false), error: problemSchema }),
]);
export type ControlReply = z.infer<typeof controlReplySchema>;
