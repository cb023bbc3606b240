import type { SignableTransaction, Signer } from "../../keystore/store.js";
import type { PurposeId, SentTx } from "../../lifecycle/types.js";
import { withoutSidecar, withSidecar, type BlobSidecar, type ProofKind } from "../../protocol/blob-transaction.js";
import type { Hex } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { BroadcastRefused, BroadcastUnclear } from "../failures.js";
import type { Node, RefusalKind } from "../ports.js";
import type { Book, Entry, Slot } from "./book.js";
import type { LaneHold } from "./lanes.js";
import { hashOf, type Draft } from "./raw.js";
import type { Wrapping } from "./wrapping.js";

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
  /**
   * Sends an entry's bytes, for the first time or again. Bytes that were refused and can be in no pool are dead thereafter.
   * @param only of a blob, the one kind of proofs to send it with. Default: what is wanted, and the other kind if that is refused
   */
  offer(slot: Slot, entry: Entry, only?: ProofKind): Promise<Offered>;
}

/** Writes down, then hands to the node. */
export function createOffers(options: {
  node: Node;
  signer: Signer;
  book: Book;
  wrapping: Wrapping;
  clock: Clock;
  log: Logger;
}): Offers {
  const { node, signer, book, wrapping, clock, log } = options;

  return {
    prepare: async (purpose, nonce, draft, hold, block) => {
      const signed = await signer.signTransaction(signable(node.chainId, nonce, draft));
      const raw = bytesOf(signed, draft);
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

    offer: async (slot, entry, only) => {
      slot.busy = true;
      try {
        const outcome = await broadcast(entry, only);
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

  /** A blob goes out with the proofs that are asked for now, whichever its stored bytes have; the other kind is tried once when the node wants that. */
  async function broadcast(entry: Entry, only: ProofKind | undefined): Promise<Offered> {
    const { draft, sent } = entry;
    if (draft.lane === "plain" || draft.body.sidecar === null) return send(sent.raw);
    const sidecar = await wrapping.asWanted(draft.body.sidecar, only);
    const offered = await sendWith(entry, sidecar);
    if (only !== undefined || offered.kind !== "refused" || offered.refusal !== "proofs") return offered;
    const other = await wrapping.afterRefusal(sidecar);
    return other === null ? offered : sendWith(entry, other);
  }
  async function sendWith(entry: Entry, sidecar: BlobSidecar): Promise<Offered> {
    if (entry.draft.lane === "blob") entry.draft = { ...entry.draft, body: { ...entry.draft.body, sidecar } };
    const offered = await send(bytesOf(withoutSidecar(entry.sent.raw), entry.draft));
    if (offered.kind === "accepted") entry.pooledWith = sidecar.kind;
    return offered;
  }

  async function send(raw: Hex): Promise<Offered> {
    try {
      await node.broadcast(raw);
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
  if (sidecar === null) throw new Error(`the blob ${versionedHash} was dropped: it cannot be sent again`);
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
  };
}

/** Signed bytes as a node takes them: a blob's with its sidecar. */
const bytesOf = (signed: Hex, { lane, body }: Draft): Hex =>
  lane === "blob" && body.sidecar !== null ? withSidecar(signed, body.sidecar) : signed;
