import type { ProofKind } from "../../protocol/blob-transaction.js";
import type { Kzg } from "../../system/kzg.js";

/** What is asked of KZG for one blob. */
export type KzgTask =
  | { readonly want: "commitment"; readonly blob: Uint8Array }
  | { readonly want: ProofKind; readonly blob: Uint8Array; readonly commitment: Uint8Array };

/** Does a task. @returns points of 48 bytes: the commitment, the blob's one proof, or the proofs of its 128 cells */
export function work(kzg: Kzg, task: KzgTask): readonly Uint8Array[] {
  switch (task.want) {
    case "commitment":
      return [kzg.commitment(task.blob)];
    case "blob":
      return [kzg.proof(task.blob, task.commitment)];
    case "cells":
      return kzg.cellProofs(task.blob);
  }
}
