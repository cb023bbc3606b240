import { z } from "zod";
import { gpuInstanceTypes } from "./instance-types.js";

/** A region's name, for instance `eu-central-1`. */
export const regionSchema = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "a region such as eu-central-1");

/** A machine that AWS is to rent us. */
export const awsMachineSchema = z.strictObject({
  /** Types that will do, the preferred one first: `fleet fit` names some. The first that can be had in some zone is taken, once, and kept. */
  types: z
    .array(
      z.string().refine((name) => gpuInstanceTypes.some((type) => type.name === name), "no type that is known here"),
    )
    .min(1),
  /** Zones that will do, for instance `eu-central-1a`. Default: every one of the region that there is a subnet in. */
  zones: z
    .array(z.string().regex(/^[a-z0-9-]+[a-z]$/))
    .min(1)
    .optional(),
  /** Rent what AWS has to spare, and may take back within two minutes. Default false: what is lost with it may be slashed. */
  spot: z.boolean().default(false),
  /** The image to boot, by its id. Default: AWS's Deep Learning AMI (Ubuntu 24.04) for the type's architecture, as it is when the machine is made. */
  ami: z
    .string()
    .regex(/^ami-[0-9a-f]{8,17}$/)
    .optional(),
  /** Root disk, models included (GiB). Default: 100 and the weights, rounded up to tens. */
  rootGiB: z.number().int().min(40).max(16_384).optional(),
  /** The disk for the journals, which outlives the machine (GiB). Default 4. */
  journalGiB: z.number().int().min(1).max(1_024).default(4),
});
/** What an operator states of such a machine. */
export type AwsMachine = z.input<typeof awsMachineSchema>;
/** The same with every default filled in. */
export type ResolvedAwsMachine = z.output<typeof awsMachineSchema>;
