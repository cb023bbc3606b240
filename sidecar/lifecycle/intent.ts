import type { Desired } from "../../lifecycle/types.js";
import type { Serving } from "../../schema/control.js";
import type { Address, Hex } from "../../schema/units.js";
import type { Journal } from "../journal.js";

/** What this sidecar was told to be, as its journal keeps it. */
export type Intent =
  | { readonly kind: "nothing" }
  | { readonly kind: "serving"; readonly serving: Serving }
  | { readonly kind: "leaving"; readonly generation: number }
  | { readonly kind: "gone"; readonly generation: number };

/** Leaving is sticky: only a serving of a higher generation ends it, or being gone. */
export function intentOf(journal: Pick<Journal, "serving" | "leavingGeneration" | "leftGeneration">): Intent {
  const serving = journal.serving();
  const leaving = journal.leavingGeneration();
  const left = journal.leftGeneration();
  if (serving !== undefined && serving.generation > leaving && serving.generation > left)
    return { kind: "serving", serving };
  if (leaving > left) return { kind: "leaving", generation: leaving };
  if (left > 0) return { kind: "gone", generation: left };
  return { kind: "nothing" };
}

/** The intent as the lifecycle plans for it; `null` when there is nothing to plan. */
export function desiredOf(intent: Intent, keys: { refundTo: Address; encryptionKey: Hex }): Desired | null {
  switch (intent.kind) {
    case "serving":
      return { kind: "serving", encryptionKey: keys.encryptionKey, ...intent.serving };
    case "leaving":
      return { kind: "gone", refundTo: keys.refundTo, generation: intent.generation };
    case "nothing":
    case "gone":
      return null;
  }
}
