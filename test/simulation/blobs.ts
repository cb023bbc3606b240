import { BlobNotFound } from "../../sidecar/failures.js";
import type { Blobs } from "../../sidecar/ports.js";
import { blobHash, type World } from "./world.js";

/** Blobs of the simulated world; they can be read from the block that carries them on. */
export function createSimulatedBlobs(world: World): Blobs {
  return {
    warmUp: async () => undefined,
    fetch: async (hash, block) => {
      const blob = world.blobs.get(hash);
      if (blob === undefined || blob.block > world.head.number) throw new BlobNotFound(hash, block, block - 100n);
      return new Uint8Array(blob.payload);
    },
    build: async (payload) => ({ blob: "0x", commitment: "0x", versionedHash: blobHash(payload) }),
    prove: async () => ["0x"],
  };
}
