import type { Signer } from "../keystore/store.js";
import type { Clock } from "../system/clock.js";
import { ChainUnavailable } from "./failures.js";
import type { KeyUse } from "./ports.js";

/** A look at the chain serves for so long from when it was asked for, in ms. */
const servesForMs = 1_000;
/** An answer that took longer than this, in ms, is asked for again: nobody is proven stopped, replaced and started in less. */
const oldAfterMs = 5_000;
/** Looks in a row whose answers took too long, before it is given up. */
const mostLooks = 3;

/** A signature that was not let out: somebody else has used the key, or it cannot be told yet who did. */
export class NotSoleSigner extends Error {
  constructor(use: Exclude<KeyUse, "ours">) {
    super(use === "foreign" ? "the key was used elsewhere" : "a nonce of ours was used, and it is not clear by whom");
  }
}

/** What the guard asks. */
export interface SoleSignerOptions {
  /** What the chain shows of the key's use now. */
  readonly use: () => Promise<KeyUse>;
  readonly clock: Clock;
}

/**
 * Lets a signature out only when the chain was looked at a moment ago and showed nobody else's use of the key. The look comes after the signature was made: a
 * process that was stopped in between (a paused machine, a debugger) looks again when it wakes, and what it has made by then never leaves it. While it is unclear whose a
 * used nonce is, transactions may still be signed, for only one can be mined there; answers may not.
 *
 * Every method throws NotSoleSigner, and ChainUnavailable when the chain cannot be asked.
 */
export function soleSigner(signer: Signer, { use, clock }: SoleSignerOptions): Signer {
  let seen: { readonly use: KeyUse; readonly askedMs: number } | null = null;

  const look = async (): Promise<KeyUse> => {
    if (seen?.use === "ours" && clock.now() - seen.askedMs <= servesForMs) return seen.use;
    for (let looks = 0; looks < mostLooks; looks++) {
      const askedMs = clock.now();
      seen = { use: await use(), askedMs };
      if (seen.use !== "ours" || clock.now() - askedMs <= oldAfterMs) return seen.use;
    }
    throw new ChainUnavailable("the use of the key", new Error("its answers take too long"));
  };
  return {
    address: signer.address,
    signTransaction: async (transaction) => {
      const signed = await signer.signTransaction(transaction);
      if ((await look()) === "foreign") throw new NotSoleSigner("foreign");
      return signed;
    },
    signMessage: async (message) => {
      const signed = await signer.signMessage(message);
      const found = await look();
      if (found !== "ours") throw new NotSoleSigner(found);
      return signed;
    },
  };
}
