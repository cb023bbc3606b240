import { z } from "zod";
import { addressSchema } from "../schema/network.js";

/** `sealed.json`: a worker's secret as it rests on a host, readable with the host's key alone. */
export const sealedFileSchema = z.object({
  version: z.literal(1),
  address: addressSchema,
  epoch: z.number().int().positive(),
  sealed: z.string(),
});
export type SealedFile = z.infer<typeof sealedFileSchema>;
