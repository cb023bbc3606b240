import { z } from "zod";
import { hashSchema } from "./json.js";

/** `manifest.json` of a bundle folder: what is in it, and the hash that names it. */
export const bundleManifestSchema = z.object({
  version: z.literal(1),
  /** keccak256 over the sorted list of `path sha256` lines: the bundle's name everywhere. */
  hash: hashSchema,
  /** package.json's version it was built from. */
  fleet: z.string(),
  node: z.string(),
  /** Relative path → sha256, hex. */
  files: z.record(z.string(), z.string()),
});
export type BundleManifest = z.infer<typeof bundleManifestSchema>;
