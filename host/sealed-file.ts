import { z } from "zod";
import { addressSchema } from "../schema/network.js";

/** `sealed.json`: whose secret rests on a host, and under which epoch. */
export const sealedFileSchema = z.object({
  version: z.literal(1),
  address: addressSchema,
  epoch: z.number().int().positive(),
  /** The secret, readable with the host's key alone; empty where it rests as a credential. */
  sealed: z.string(),
  /** It rests as an encrypted systemd credential in the file beside this one, and belongs to the host with this public key (hex). */
  credential: z.object({ sealKey: z.string() }).optional(),
});
export type SealedFile = z.infer<typeof sealedFileSchema>;
