import type { SignableTransaction, Signer } from "../../keystore/store.js";
import type { PurposeId, SentTx } from "../../lifecycle/types.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { BroadcastRefused, BroadcastUnclear } from "../failures.js";
import type { Node, RefusalKind } from "../ports.js";
import type { Book, Entry, Slot } from "./book.js";
import type { LaneHold } from "./lanes.js";
import { hashOf, type Draft } from "./raw.js";

/** What became of an offer: in a pool, nobody knows, or certainly in none. */
export type Offered =
  | { readonly kind: "accepted" }
  | { readonly kind: "unclear" }
  | { readonly kind: "refused"; readonly refusal: RefusalKind; readonly reason: string };

/** The three steps of a transaction, always in this order: signed, written down, offered to the node. */
export interface Offers {
  /** Signs a draft at a nonce and writes the bytes down. Nobody has seen them yet. */
  prepare(
    purpose: PurposeId,
    nonce: number,
    draft: Draft,
    hold: LaneHold,
    block: bigint | null,
  ): Promise<{ slot: Slot; entry: Entry }>;
  /** Sends an entry's bytes, for the first time or again. Bytes that were refused and can be in no pool are dead thereafter. */
  offer(slot: Slot, entry: Entry): Promise<Offered>;
}

export function createOffers(options: { node: Node; signer: Signer; book: Book; clock: Clock; log: Logger }): Offers {
  const { node, signer, book, clock, log } = options;

  return {
    prepare: async (purpose, nonce, draft, hold, block) => {
      const raw = await signer.signTransaction(signable(node.chainId, nonce, draft));
      const sent: SentTx = {
        purpose,
        from: signer.address,
        nonce,
        hash: hashOf(raw),
        raw,
        lane: draft.lane,
        outcome: "open",
        mined: null,
      };
      return book.record(sent, draft, hold, { at: clock.now(), block });
    },

    offer: async (slot, entry) => {
      slot.busy = true;
      try {
        const outcome = await broadcast(entry);
        const { purpose, hash, nonce, lane } = entry.sent;
        const line = { event: "transaction.offered", purpose, hash, nonce, lane, ...outcome };
        if (outcome.kind === "refused") {
          log.warn(line, "a node refused a transaction");
          if (!entry.maybeOut) book.kill(slot, entry);
          else slot.trouble = { refusal: outcome.refusal, since: slot.trouble?.since ?? clock.now() };
          return outcome;
        }
        log.info(line, outcome.kind === "accepted" ? "transaction sent" : "transaction sent, outcome unknown");
        entry.maybeOut = true;
        slot.inPool = outcome.kind === "accepted";
        if (slot.inPool) slot.trouble = null;
        return outcome;
      } finally {
        slot.busy = false;
      }
    },
  };

  async function broadcast(entry: Entry): Promise<Offered> {
    try {
      await node.broadcast(entry.sent.raw);
      return { kind: "accepted" };
    } catch (error) {
      if (error instanceof BroadcastRefused) return { kind: "refused", refusal: error.kind, reason: error.message };
      // Whatever else went wrong happened on the way: the bytes may have arrived.
      if (!(error instanceof BroadcastUnclear)) log.warn({ err: error }, "a broadcast failed in an unknown way");
      return { kind: "unclear" };
    }
  }
}

/** A draft at a nonce in the form that signers take. */
function signable(chainId: number, nonce: number, draft: Draft): SignableTransaction {
  if (draft.lane === "plain") return { type: "legacy", chainId, nonce, ...draft.fees, ...draft.body };
  const { sidecar, versionedHash, to, gas } = draft.body;
  if (sidecar === null) throw new Error(`the blob ${versionedHash} was dropped: it cannot be signed again`);
  return {
    type: "eip4844",
    chainId,
    nonce,
    to,
    gas,
    value: 0n,
    data: "0x",
    ...draft.fees,
    blobVersionedHashes: [versionedHash],
    sidecar,
  };
}
