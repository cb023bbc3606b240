import { z } from "zod";
import { hexSchema } from "./json.js";
import { addressSchema } from "./network.js";

/**
 * What a host receives, sealed, and its supervisor passes to the sidecar on a pipe: the keys it signs and opens with, and the epoch under which it may.
 * Never written in clear anywhere.
 */
export const workerSecretSchema = z.object({
  version: z.literal(1),
  chainId: z.number().int().positive(),
  workerRegistry: addressSchema,
  address: addressSchema,
  /** 32 bytes, hex. */
  signingKey: hexSchema,
  /** 32 bytes, hex. */
  encryptionKey: hexSchema,
  refundTo: addressSchema,
  /** The host this was sealed for; a sidecar on another refuses. */
  host: z.string().min(1),
  epoch: z.number().int().positive(),
  /** Leaving already when it was sealed: the sidecar goes on leaving. */
  leaving: z.boolean(),
  generation: z.number().int().nonnegative(),
});
export type WorkerSecret = z.infer<typeof workerSecretSchema>;
