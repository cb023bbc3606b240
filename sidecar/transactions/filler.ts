import { purposeId } from "../../lifecycle/purpose.js";
import type { PurposeId } from "../../lifecycle/types.js";
import type { Address } from "../../schema/units.js";
import type { Logger } from "../../system/log.js";
import type { Node, RefusalKind } from "../ports.js";
import type { Book } from "./book.js";
import type { Drafting } from "./drafts.js";
import type { Lanes } from "./lanes.js";
import type { Offers } from "./offers.js";
import type { Draft } from "./raw.js";
import type { InTurn } from "./turns.js";
import type { Wrapping } from "./wrapping.js";

type FillLane = "plain" | "blob";

/** Uses nonces up with transactions that do nothing, where nothing else gets the account going again. */
export interface Filler {
  /**
   * Signs and offers a transaction from us to us at exactly this nonce, of this class or, if the other pool holds the account, of the other. A refusal is left
   * to the next round.
   * @returns whether a pool may have it now
   */
  fill(nonce: number, lane: FillLane, block: bigint | null): Promise<boolean>;
  /** What a filler at this nonce is for. */
  purposeAt(nonce: number): PurposeId;
}

/** What a filler's blob carries: the same byte as the network's own worker uses (sidecar reference §4.4). */
const emptyPayload = Uint8Array.of(0);

/** Gives a nonce away to a transaction that does nothing. */
export function createFiller(options: {
  node: Node;
  self: Address;
  wrapping: Wrapping;
  book: Book;
  lanes: Lanes;
  drafting: Drafting;
  offers: Offers;
  inTurn: InTurn;
  log: Logger;
}): Filler {
  const { node, self, wrapping, book, lanes, drafting, offers, log } = options;
  const purposeAt = (nonce: number): PurposeId =>
    purposeId({ chainId: node.chainId, worker: self, kind: "fill", generation: 0, detail: `n${nonce}` });
  return {
    purposeAt,
    fill: (nonce, lane, block) =>
      options.inTurn(async () => {
        log.warn({ event: "transaction.fill", nonce, lane }, "using a nonce up so that the account gets on");
        let refusal = await tryLane(nonce, lane, block);
        if (refusal === "reserved") refusal = await tryLane(nonce, lane === "plain" ? "blob" : "plain", block);
        return refusal === undefined;
      }),
  };

  /** @returns how the node refused it in the end, if it did */
  async function tryLane(nonce: number, lane: FillLane, block: bigint | null): Promise<RefusalKind | undefined> {
    const purpose = purposeAt(nonce);
    const fresh = lane === "plain" ? await drafting.nothing() : await drafting.blob(await wrapping.build(emptyPayload));
    const prices = await drafting.prices();
    const slot = book.slots().find((other) => other.nonce === nonce);
    let draft: Draft | null = slot === undefined ? fresh : drafting.outbidding(fresh, slot.triedFees, prices);
    let refusal: RefusalKind | undefined;
    // What a stranger's transaction there pays is not known: go up until it gives way.
    while (draft !== null) {
      const hold = slot?.hold ?? lanes.occupy(lane);
      const prepared = await offers.prepare(purpose, nonce, draft, hold, block).catch((error: unknown) => {
        if (slot === undefined) hold.leave(); // nothing was written down that would ever leave the lane
        throw error;
      });
      const offered = await offers.offer(prepared.slot, prepared.entry);
      refusal = offered.kind === "refused" ? offered.refusal : undefined;
      if (refusal !== "replacementUnderpriced") return refusal;
      draft = drafting.outbidding(draft, draft.fees, prices);
    }
    return refusal;
  }
}
