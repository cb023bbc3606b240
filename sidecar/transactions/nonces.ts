import type { SentTx } from "../../lifecycle/types.js";

/** What the choice of a nonce looks at: everything this key is known to have signed. */
export type SignedNonce = Pick<SentTx, "nonce" | "outcome">;

/**
 * The nonce of the next transaction: the lowest that the chain has not used and that no bytes of ours may still use.
 *
 * It starts at the latest *mined* nonce and ignores foreign pending transactions, so that a taker-over replaces what the former holder left hanging. What the
 * journal knows as mined counts even when a lagging node has not heard of it. Dead bytes hold nothing: their nonce was refused for certain, or is used up.
 */
export function nextNonce(latest: number, signed: readonly SignedNonce[]): number {
  const held = new Set<number>();
  let nonce = latest;
  for (const { nonce: used, outcome } of signed) {
    if (outcome === "open") held.add(used);
    else if (outcome !== "dead") nonce = Math.max(nonce, used + 1);
  }
  while (held.has(nonce)) nonce++;
  return nonce;
}

/** Whether the chain has used nonces beyond everything that is known here: another holder signed, or the journal is an old copy. */
export function isBehind(latest: number, signed: readonly SignedNonce[]): boolean {
  const known = signed.filter(({ outcome }) => outcome !== "dead").map(({ nonce }) => nonce);
  return latest > Math.max(-1, ...known) + 1;
}
