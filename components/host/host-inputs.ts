import { z } from "zod";
import { hostFactsSchema } from "../../schema/host.js";
import { hashSchema } from "../../schema/json.js";
import { hostReferenceSchema } from "../worker-reference.js";

/** What a host of any kind is asked to serve, and with which bundle. What came later has a default: what a host of before means by it. */
export const servingInputs = {
  models: z.array(z.string().min(1)).default([]),
  endpoints: z.array(z.object({ name: z.string().min(1), url: z.url() })).default([]),
  /** Where this checkout has the bundle. */
  bundle: z.string().min(1),
  /** Which one it is: named by content. */
  wantedBundle: hashSchema,
} as const;
/** Inputs of these that are no change by themselves: `wantedBundle` says whether the bundle is another one, `asksMore` whether more is asked. */
export const incidentalInputs = ["bundle", "models", "endpoints"] satisfies (keyof typeof servingInputs)[];

/** What is known of a host, whatever its kind, once it was set up. */
export const hostComputed = z.object({
  reference: hostReferenceSchema,
  bundleHash: hashSchema,
  ollamaUrl: z.string(),
  /** `null` until the machine has been asked. */
  facts: hostFactsSchema.nullable(),
});
export type HostComputed = z.infer<typeof hostComputed>;

/** The same inputs name the same host. Pure. */
export const hostId = ({ kind, name }: { readonly kind: string; readonly name: string }): string => `${kind}:${name}`;
