import type { BlobSidecar, ProofKind } from "../../protocol/blob-transaction.js";
import type { Settings } from "../../schema/settings.js";
import type { Hash } from "../../schema/units.js";
import type { Logger } from "../../system/log.js";
import type { Blobs, Node } from "../ports.js";

/** A blob with what goes beside its transaction. */
export interface WrappedBlob {
  readonly versionedHash: Hash;
  readonly sidecar: BlobSidecar;
}

/**
 * Gives blobs the proofs that the network's rules ask for: one of the blob, or since Osaka one of each of its cells (EIP-7594). Neither signature nor hash
 * covers them, so that what was signed under the old rules goes out under the new ones as the same transaction.
 */
export interface Wrapping {
  /** Packs a payload and proves it, as is wanted now. @throws PayloadTooLarge, KzgUnavailable */
  build(payload: Uint8Array): Promise<WrappedBlob>;
  /** What a blob is to be sent with now. */
  wanted(): Promise<ProofKind>;
  /** Whether cell proofs may be wanted: `false` only when it is said that they are not. */
  mayWantCells(): Promise<boolean>;
  /** The same blob with the proofs that are wanted now, or with those of `kind`; with those it has if these cannot be made. */
  asWanted(sidecar: BlobSidecar, kind?: ProofKind): Promise<BlobSidecar>;
  /** The same blob with the other kind of proofs than those just refused; `null` when the settings allow none, or they cannot be made. */
  afterRefusal(refused: BlobSidecar): Promise<BlobSidecar | null>;
}

/** @param options.proofs `auto`: what the node says that its rules ask for; where it says nothing, or its pool thinks otherwise, what was not refused last */
export function createWrapping(options: {
  node: Pick<Node, "blobProofs">;
  blobs: Pick<Blobs, "build" | "prove">;
  proofs: Settings["chain"]["blobProofs"];
  log: Logger;
}): Wrapping {
  const { node, blobs, proofs, log } = options;
  let known: ProofKind = "blob";
  /** What the node says its rules ask for and its pool refuses all the same: some pools are ahead of the fork, some nodes stand before one that is behind. */
  let overruled: ProofKind | null = null;

  /** What is said for certain, by settings or node; `null` when nothing is. */
  const told = async (): Promise<ProofKind | null> => {
    if (proofs !== "auto") return proofs;
    // A node that cannot be asked will not take the transaction either.
    const answer = await node.blobProofs().catch(() => null);
    if (answer === null || answer === overruled) return null;
    overruled = null;
    known = answer;
    return answer;
  };
  const wanted = async (): Promise<ProofKind> => (await told()) ?? known;
  const proved = async (sidecar: BlobSidecar, kind: ProofKind): Promise<BlobSidecar | null> => {
    try {
      return { ...sidecar, kind, proofs: await blobs.prove(sidecar, kind) };
    } catch (err) {
      log.error({ event: "blob.unproved", kind, err }, "the proofs that the network asks for could not be made");
      return null;
    }
  };

  return {
    wanted,
    mayWantCells: async () => (await told()) !== "blob",
    build: async (payload) => {
      const [{ blob, commitment, versionedHash }, kind] = await Promise.all([blobs.build(payload), wanted()]);
      const sidecar = { blob, commitment, kind, proofs: await blobs.prove({ blob, commitment }, kind) };
      return { versionedHash, sidecar };
    },
    asWanted: async (sidecar, only) => {
      const kind = only ?? (await wanted());
      return kind === sidecar.kind ? sidecar : ((await proved(sidecar, kind)) ?? sidecar);
    },
    afterRefusal: async (refused) => {
      if (proofs !== "auto") return null;
      overruled = refused.kind;
      known = refused.kind === "blob" ? "cells" : "blob";
      log.info({ event: "blob.rewrapped", proofs: known }, "the node asks for the other kind of proofs");
      return proved(refused, known);
    },
  };
}
