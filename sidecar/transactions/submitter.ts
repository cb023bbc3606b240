import type { PurposeId } from "../../lifecycle/types.js";
import type { Settings } from "../../schema/settings.js";
import type { Clock } from "../../system/clock.js";
import { SendRefused } from "../failures.js";
import type { Node, RefusalKind, Urgency } from "../ports.js";
import type { Book, Fate } from "./book.js";
import type { Drafting } from "./drafts.js";
import type { Filler } from "./filler.js";
import type { LaneClass, Lanes } from "./lanes.js";
import { nextNonce } from "./nonces.js";
import type { Offers } from "./offers.js";
import type { Draft } from "./raw.js";
import type { InTurn } from "./turns.js";
import type { Watch } from "./watch.js";

/** One thing to be achieved on chain. */
export interface Order {
  readonly purpose: PurposeId;
  readonly lane: LaneClass;
  readonly urgency: Urgency;
  /** What can be done before its turn comes. */
  readonly ready?: () => Promise<unknown>;
  /** What to sign, at the prices and against the state of this moment. */
  readonly draft: () => Promise<Draft>;
}

/** Brings new bytes to the node. */
export interface Submitter {
  /**
   * Resolves when bytes for the purpose are out, or may be; `fate` then tells how it ends.
   * @throws SendRefused (CallReverted too), ChainUnavailable, or the signal's reason: nothing was sent
   */
  submit(order: Order, signal: AbortSignal): Promise<{ fate: Promise<Fate> }>;
}

interface Refused {
  readonly refusal: RefusalKind;
  readonly reason: string;
  readonly fees: Draft["fees"];
}

/** How often `replaceAfterMs` may pass while a node refuses before the caller hears of it. */
const patience = 3;
/** First pause after a refusal (ms): pools free an account a moment after the receipt is to be seen. Doubles up to the poll interval. */
const firstPauseMs = 50;

/** Signs what is new at the nonce that is free. */
export function createSubmitter(options: {
  node: Node;
  book: Book;
  lanes: Lanes;
  drafting: Drafting;
  offers: Offers;
  filler: Filler;
  inTurn: InTurn;
  watch: Watch;
  clock: Clock;
  settings: Settings["chain"];
}): Submitter {
  const { node, book, lanes, drafting, offers, filler, inTurn, watch, clock, settings } = options;

  /** Since when the node has taken nothing from us because another pool holds the account. */
  let reservedSince: number | null = null;

  return {
    submit: async (order, signal) => {
      await order.ready?.();
      /** When the node first refused it; waiting for its turn is no refusal. */
      let refusedSince: number | undefined;
      let last: Refused | undefined;
      for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, settings.pollMs)) {
        const outcome = await tryOnce(order, last, signal);
        if ("fate" in outcome) return outcome;
        last = outcome;

        refusedSince ??= clock.now();
        const { refusal, reason } = last;
        const isHopeless = refusal === "funds" || refusal === "proofs" || refusal === "other";
        if (isHopeless || clock.now() - refusedSince >= patience * settings.replaceAfterMs)
          throw new SendRefused(order.purpose, refusal, reason);
        if (refusal === "reserved") await unstickIfDue(order, signal);
        await clock.sleep(pause, signal);
      }
    },
  };

  async function tryOnce(
    order: Order,
    last: Refused | undefined,
    signal: AbortSignal,
  ): Promise<{ fate: Promise<Fate> } | Refused> {
    const hold = await lanes.enter(order.lane, order.urgency, signal);
    try {
      const [fresh, { latest }, block] = await Promise.all([order.draft(), node.nonces(), node.blockNumber()]);
      const draft = await priced(order, fresh, last);
      return await inTurn(async () => {
        signal.throwIfAborted();
        const nonce = nextNonce(latest, book.signed());
        const { slot, entry } = await offers.prepare(order.purpose, nonce, draft, hold, block);
        watch.start();
        // Before anything is awaited: from here on others may settle it.
        const fate = book.follow(order.purpose);
        const offered = await offers.offer(slot, entry);
        if (offered.kind === "refused") return { ...offered, fees: draft.fees };
        reservedSince = null;
        return { fate };
      });
    } finally {
      // A slot that was made leaves the lane itself when it is decided.
      if (!book.slots().some((slot) => slot.hold === hold)) hold.leave();
    }
  }

  /** After a refusal for its price, a draft goes above what was refused. */
  async function priced(order: Order, fresh: Draft, last: Refused | undefined): Promise<Draft> {
    if (last?.refusal !== "underpriced" && last?.refusal !== "replacementUnderpriced") return fresh;
    const prices = await drafting.prices();
    const raised =
      last.refusal === "underpriced"
        ? drafting.raised(fresh, last.fees, prices)
        : drafting.outbidding(fresh, last.fees, prices);
    if (raised === null) throw new SendRefused(order.purpose, last.refusal, last.reason);
    return raised;
  }

  /**
   * The other pool holds the account, and not for anything of ours (lanes see to that): a former holder of the key left something hanging there. Only a
   * transaction of that pool's class can take its place (contracts reference §6.4).
   */
  async function unstickIfDue(order: Order, signal: AbortSignal): Promise<void> {
    reservedSince ??= clock.now();
    if (clock.now() - reservedSince < settings.replaceAfterMs) return;
    reservedSince = null;
    const lane = order.lane === "blob" ? "plain" : "blob";
    const hold = await lanes.enter(lane, order.urgency, signal);
    try {
      const [{ latest }, block] = await Promise.all([node.nonces(), node.blockNumber()]);
      await filler.fill(nextNonce(latest, book.signed()), lane, block);
      watch.start();
    } finally {
      hold.leave();
    }
  }
}
