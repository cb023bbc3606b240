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
  /** The kind of machine it runs on. Default: not said, by a bundle of before there were several. */
  platform: z.enum(["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"]).nullable().default(null),
  /** Its KZG library: the native one, or WebAssembly alone, which is about eight times slower. Default: not said. */
  kzg: z.enum(["native", "wasm"]).nullable().default(null),
  /** Relative path → sha256, hex. */
  files: z.record(z.string(), z.string()),
});
export type BundleManifest = z.infer<typeof bundleManifestSchema>;
/** The oldest glibc that the Node in a bundle runs with (Node's BUILDING.md, "Platform list"). */
export const oldestGlibc = "2.28";
/** A kind of machine that a bundle is shipped to. */
export type BundlePlatform = "linux-x64" | "linux-arm64";
