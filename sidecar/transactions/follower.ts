import type { PurposeId } from "../../lifecycle/types.js";
import type { Settings } from "../../schema/settings.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Node, Receipt } from "../ports.js";
import { isHarmlessTwice, purposeBefore } from "../purposes.js";
import type { Book, Entry, Slot } from "./book.js";
import type { Drafting } from "./drafts.js";
import type { Filler } from "./filler.js";
import type { Offers } from "./offers.js";
import type { Wrapping } from "./wrapping.js";

/** Brings everything in the book to its end, one look at the chain after the other. */
export interface Follower {
  /**
   * One look. Settles what was mined, reopens what a reorganisation took back, offers again what the pools have lost, and replaces what waits too long.
   * @throws ChainUnavailable; nothing is lost, the next round goes on
   */
  round(): Promise<void>;
  /**
   * Looks again how something ended that is said to be mined with success: a reorganisation may have mined the same bytes anew, in another block and with another end. Rounds
   * only watch whether its nonce is used.
   */
  recheck(purpose: PurposeId): Promise<void>;
}

/** What a follower works with. */
export interface FollowerOptions {
  readonly node: Node;
  readonly book: Book;
  readonly offers: Offers;
  readonly drafting: Drafting;
  readonly filler: Filler;
  readonly wrapping: Wrapping;
  readonly settings: Settings["chain"];
  readonly finalDepth: bigint;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Winner {
  readonly entry: Entry;
  readonly receipt: Receipt;
}

/** Follows everything in the book until it is final. */
export function createFollower(options: FollowerOptions): Follower {
  const { node, book, offers, drafting, filler, wrapping, settings, finalDepth, clock, log } = options;
  let seen: bigint | null = null;

  return {
    round: async () => {
      const undecided = book.slots().filter((slot) => slot.phase.kind !== "won" && !slot.busy);
      const [head, { latest }, receipts] = await Promise.all([
        node.blockNumber(),
        node.nonces(),
        Promise.all(undecided.map(async (slot) => [slot, await winnerOf(slot)] as const)),
      ]);
      const winners = new Map(receipts);
      const isNewHead = head !== seen;
      // Ascending, so that a lost transaction is offered again before those that build on it.
      for (const slot of book.slots()) {
        if (slot.busy) continue;
        if (slot.phase.kind === "won") await watchWon(slot, latest, head);
        else if (winners.has(slot) && (isNewHead || winners.get(slot) !== undefined || !isCalm(slot)))
          await watchOpen(slot, winners.get(slot), latest, head);
      }
      if (isNewHead) await fillGap(latest, head);
      seen = head;
    },
    recheck: async (purpose) => {
      for (const slot of book.slots()) {
        if (slot.phase.kind !== "won" || slot.phase.by.sent.purpose !== purpose) continue;
        const { by, block } = slot.phase;
        const winner = await winnerOf(slot);
        if (winner === undefined) continue; // the rounds see to that
        const { status, block: minedIn } = winner.receipt;
        if (winner.entry === by && minedIn === block && status === "success") continue;
        book.reopen(slot, clock.now(), minedIn);
        book.win(slot, winner.entry, winner.receipt);
      }
    },
  };

  /** Whichever of a slot's bytes has a receipt; the newest are the likeliest. */
  async function winnerOf(slot: Slot): Promise<Winner | undefined> {
    const found = await Promise.all(
      [...slot.entries].reverse().map(async (entry) => ({ entry, receipt: await node.receipt(entry.sent.hash) })),
    );
    return found.find((one): one is Winner => one.receipt !== null);
  }

  async function watchOpen(slot: Slot, found: Winner | undefined, latest: number, head: bigint): Promise<void> {
    // Its nonce was used in the moment between the two questions: ask again before anything is concluded.
    const winner = found ?? (latest > slot.nonce ? await winnerOf(slot) : undefined);
    if (winner) {
      book.win(slot, winner.entry, winner.receipt);
      const { purpose, hash } = winner.entry.sent;
      const { block, status } = winner.receipt;
      log.info({ event: "transaction.mined", purpose, hash, block: block.toString(), status }, "transaction mined");
      return;
    }
    if (latest > slot.nonce) {
      if (slot.phase.kind === "pending") {
        log.warn({ event: "transaction.overtaken", nonce: slot.nonce }, "a nonce was used, no receipt of ours yet");
        book.consume(slot, head);
      }
      if (slot.phase.kind === "consumed" && head >= slot.phase.since + finalDepth) await bury(slot);
      return;
    }
    if (slot.phase.kind === "consumed") book.reopen(slot, clock.now(), head);
    await tend(slot, latest, head);
  }

  /** The nonce was used by something that is not ours, for so long that it is final. A node that still knows our bytes keeps them alive. */
  async function bury(slot: Slot): Promise<void> {
    for (const entry of [...slot.entries]) {
      if (await node.knows(entry.sent.hash)) continue;
      const { purpose, hash, nonce } = entry.sent;
      log.error({ event: "transaction.dead", purpose, hash, nonce }, "another transaction took this nonce for good");
      book.kill(slot, entry);
    }
  }

  async function watchWon(slot: Slot, latest: number, head: bigint): Promise<void> {
    if (slot.phase.kind !== "won") return;
    const { by, block } = slot.phase;
    const depth = head - block;
    const isOver = depth >= finalDepth || (isGivenAway(slot, by) && depth >= givenAwayDepth);
    if (slot.nonce < latest && !isOver) return;
    const winner = await winnerOf(slot);
    if (winner === undefined) {
      // A node behind a load balancer may lag: its latest nonce says whether it has come as far.
      if (slot.nonce < latest && depth < finalDepth) return;
      log.warn(
        { event: "transaction.reorganised", purpose: by.sent.purpose, hash: by.sent.hash },
        "taken back by a reorganisation",
      );
      book.reopen(slot, clock.now(), head);
      return;
    }
    if (winner.entry !== by) book.reopen(slot, clock.now(), head);
    if (winner.entry !== by || winner.receipt.block !== block) book.win(slot, winner.entry, winner.receipt);
    const isFinal = head >= winner.receipt.block + finalDepth;
    const isDecided = isGivenAway(slot, winner.entry) && head >= winner.receipt.block + givenAwayDepth;
    if (isFinal || isDecided) for (const entry of [...slot.entries]) if (entry !== winner.entry) book.kill(slot, entry);
    if (isFinal) book.close(slot);
  }

  /** Whether a filler won the nonce, and what else was signed there may be signed anew soon. */
  function isGivenAway({ nonce, entries }: Slot, winner: Entry): boolean {
    const others = entries.filter((entry) => entry !== winner && entry.sent.purpose !== winner.sent.purpose);
    if (winner.sent.purpose !== filler.purposeAt(nonce) || others.length === 0) return false;
    return others.every(({ sent }) => isHarmlessTwice(sent.purpose));
  }

  /** Keeps a pending slot in the node's pool, at a price at which it gets on. */
  async function tend(slot: Slot, latest: number, head: bigint): Promise<void> {
    slot.offered = { at: slot.offered.at, block: slot.offered.block ?? head };
    const known = await Promise.all(slot.entries.map((entry) => node.knows(entry.sent.hash)));
    slot.inPool = known.includes(true);
    if (slot.inPool) slot.trouble = null;
    else {
      const wasReserved = slot.trouble?.refusal === "reserved";
      await offerAgain(slot);
      // Twice in a row, so that pools which are only slow after a new head cost no nonce.
      if (wasReserved && slot.trouble?.refusal === "reserved" && isLockedOut(slot)) return makeRoom(slot, head);
    }
    if (slot.entries.length === 0 || slot.phase.kind !== "pending") return;

    const waited = clock.now() - slot.offered.at >= settings.replaceAfterMs && head > (slot.offered.block ?? head);
    const isOutbid = slot.trouble?.refusal === "underpriced" || slot.trouble?.refusal === "replacementUnderpriced";
    // Only the lowest nonce can be waiting for its price; those above it wait for the lowest.
    const isNext = slot.nonce === latest;
    if (isOutbid || (isNext && slot.inPool && (waited || (await isOutlived(slot))))) await replace(slot, head);
    else if (waited && !slot.inPool && slot.trouble !== null && isNext) await giveWay(slot, head);
  }

  /**
   * A blob that a pool took before the fork stays there with its old proofs: geth puts it into no block any more, and knows it already when it is sent with
   * new ones. Only a transaction with another hash takes its place.
   */
  async function isOutlived(slot: Slot): Promise<boolean> {
    return slot.entries.at(-1)?.pooledWith === "blob" && (await wrapping.wanted()) === "cells";
  }
  /** The same where this process cannot know with which proofs a pool took it. */
  async function mayBeOutlived({ draft, pooledWith }: Entry): Promise<boolean> {
    return draft.lane === "blob" && pooledWith !== "cells" && (await wrapping.mayWantCells());
  }

  /** Plain transactions of ours wait behind a blob that is in no pool: they keep the account in theirs, where they wait for this very nonce. */
  function isLockedOut(slot: Slot): boolean {
    return isBlob(slot) && plainBehind(slot).length > 0;
  }
  function plainBehind({ nonce }: Slot): Slot[] {
    return book.slots().filter((other) => other.nonce > nonce && other.phase.kind === "pending" && !isBlob(other));
  }

  /**
   * A reorganisation took a blob back while plain transactions of ours waited behind it. The nonce goes to a filler, and the blob is signed anew behind them; so is
   * whatever must not be mined before it, whose nonce goes first.
   */
  async function makeRoom(slot: Slot, head: bigint): Promise<void> {
    const blobs = new Set(slot.entries.map(({ sent }) => sent.purpose));
    const mustFollow = ({ sent }: Entry): boolean => {
      const before = purposeBefore(sent.purpose);
      return before !== null && blobs.has(before);
    };
    const following = plainBehind(slot).filter(({ entries }) => entries.some(mustFollow));
    for (const { nonce } of [...following, slot]) {
      const isTaken = await filler.fill(nonce, "plain", head);
      if (!isTaken) return; // all of it is tried again with the next head
    }
  }

  /** The newest bytes first; older ones when the newest are refused, for instance because the balance fell. */
  async function offerAgain(slot: Slot): Promise<void> {
    for (const entry of [...slot.entries].reverse()) {
      const outcome = await offers.offer(slot, entry);
      if (outcome.kind !== "refused") return;
    }
  }

  /** Signs the same call anew at the same nonce, for more. All earlier hashes stay watched. */
  async function replace(slot: Slot, head: bigint): Promise<void> {
    const newest = slot.entries.at(-1);
    if (newest === undefined) return;
    const prices = await drafting.prices();
    const { triedFees } = slot;
    const raised = slot.inPool
      ? drafting.raised(newest.draft, triedFees, prices)
      : drafting.outbidding(newest.draft, triedFees, prices);
    // The last price there is goes to nothing but what gets the account on.
    const isLastChance = raised === null && slot.inPool && (await mayBeOutlived(newest));
    const draft = isLastChance ? drafting.raised(newest.draft, triedFees, prices, true) : raised;
    if (draft === null) {
      log.warn(
        { event: "transaction.capped", purpose: newest.sent.purpose, nonce: slot.nonce },
        "no higher fee is allowed",
      );
      slot.offered = { at: clock.now(), block: head };
      // The dearest bytes may never have arrived, and what the pool has instead may have no future there.
      if (!(await node.knows(newest.sent.hash))) await offers.offer(slot, newest);
      return;
    }
    const { purpose } = newest.sent;
    const { entry } = await offers.prepare(purpose, slot.nonce, draft, slot.hold, head);
    log.info(
      { event: "transaction.replaced", purpose, nonce: slot.nonce, hash: entry.sent.hash },
      "transaction replaced",
    );
    const offered = await offers.offer(slot, entry, isLastChance ? "cells" : undefined);
    // Refused for something else than its price: that price is still to be tried.
    if (offered.kind === "refused" && !/underpriced/i.test(offered.refusal)) slot.triedFees = triedFees;
  }

  /**
   * What we have for the nonce is refused on and on, and not for its price or for want of funds: the other pool holds the account, or the node takes no such
   * transaction any more. Using the nonce up with nothing frees all that waits behind it; the bytes there are dead once that is final.
   */
  async function giveWay(slot: Slot, head: bigint): Promise<void> {
    const refusal = slot.trouble?.refusal;
    if (refusal !== "reserved" && refusal !== "proofs" && refusal !== "other") return;
    const lane = refusal === "reserved" && slot.entries[0]?.sent.lane === "plain" ? "blob" : "plain";
    slot.offered = { at: clock.now(), block: head };
    await filler.fill(slot.nonce, lane, head);
  }

  /** A nonce below ours that nothing of ours will use (a stranger's transaction there was taken back): nothing above it can be mined. */
  async function fillGap(latest: number, head: bigint): Promise<void> {
    const lowest = book.slots().find((slot) => slot.phase.kind === "pending");
    if (lowest === undefined || lowest.nonce <= latest || lowest.busy) return;
    if (clock.now() - lowest.offered.at < settings.replaceAfterMs || head <= (lowest.offered.block ?? head)) return;
    lowest.offered = { at: clock.now(), block: head };
    await filler.fill(latest, lowest.entries[0]?.sent.lane ?? "plain", head);
  }
}

/**
 * Blocks upon a filler after which what had to give way to it may be signed anew. Waiting for finality would cost a job its deadline; should a deeper reorganisation
 * let both be mined, gas was paid twice.
 */
const givenAwayDepth = 3n;

const isBlob = ({ entries }: Slot): boolean => entries[0]?.sent.lane === "blob";

/** Nothing to do about a slot before the next block: what was refused may be taken after it, only what is unclear is asked about at once. */
const isCalm = (slot: Slot): boolean => slot.phase.kind !== "pending" || slot.inPool || slot.trouble !== null;
