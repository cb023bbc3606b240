import type { Mined, PurposeId, SentTx } from "../../lifecycle/types.js";
import type { ProofKind } from "../../protocol/blob-transaction.js";
import { wei } from "../../schema/units.js";
import type { Journal } from "../journal.js";
import type { Receipt } from "../ports.js";
import { isHarmlessTwice } from "../purposes.js";
import type { LaneHold, Lanes } from "./lanes.js";
import type { SignedNonce } from "./nonces.js";
import { decodeRaw, type Draft } from "./raw.js";

/** Signed bytes that may still be mined, or that were. */
export interface Entry {
  readonly sent: SentTx;
  /** Of a blob, with the proofs it was last offered with: the stored bytes may have others. */
  draft: Draft;
  /** The kind of proofs with which this process saw it taken into a pool; `null` when it did not, or it has no blob. */
  pooledWith: ProofKind | null;
  /** Whether a pool may ever have had these bytes. Only while it is `false` does a refusal mean that they are nowhere. */
  maybeOut: boolean;
}

/** Where a nonce stands. `consumed`: something was mined there, and no receipt of ours has turned up. */
export type Phase =
  | { readonly kind: "pending" }
  | { readonly kind: "consumed"; readonly since: bigint }
  | { readonly kind: "won"; readonly by: Entry; readonly block: bigint };

/** One nonce and all our bytes for it, oldest first. At most one of them is ever on the chain. */
export interface Slot {
  readonly nonce: number;
  entries: Entry[];
  phase: Phase;
  /** Its place in a lane while it may be in a pool. */
  hold: LaneHold;
  /** When something was last offered at this nonce, and upon which block (`null`: before this process lived). */
  offered: { readonly at: number; readonly block: bigint | null };
  /** Fees last tried here, whether they were taken or not: the next try goes above them. */
  triedFees: Draft["fees"];
  /** What somebody was told is mined, before a reorganisation took it back. */
  readonly takenBack: Set<PurposeId>;
  inPool: boolean;
  /** Bytes of it are on their way to the node right now: nobody else offers any meanwhile. */
  busy: boolean;
  /** Since when, and how, the node has refused everything we have for this nonce. */
  trouble: { readonly refusal: string; readonly since: number } | null;
}

/** How following a purpose ended: mined (whatever its status), or all its bytes are dead. */
export type Fate = Mined | "dead";

/** The undecided part of the journal in memory: what is in flight, and what was mined so recently that a reorganisation may undo it. */
export interface Book {
  /** Ascending by nonce. */
  slots(): readonly Slot[];
  /** Writes new bytes down, durably, before anybody sees them. */
  record(sent: SentTx, draft: Draft, hold: LaneHold, offered: Slot["offered"]): { slot: Slot; entry: Entry };
  /** A receipt says that this entry was mined. */
  win(slot: Slot, entry: Entry, receipt: Receipt): void;
  /** Something else was mined there, or so it seems. */
  consume(slot: Slot, block: bigint): void;
  /** What was mined is not any more, at this time and block: its wait for a block begins anew. */
  reopen(slot: Slot, now: number, block: bigint): void;
  /** These bytes can never be mined. */
  kill(slot: Slot, entry: Entry): void;
  /** No reorganisation reaches the slot any more. */
  close(slot: Slot): void;
  /** What {@link nextNonce} and {@link isBehind} look at. */
  signed(): readonly SignedNonce[];
  /** How it ends for a purpose with bytes in the book. */
  follow(purpose: PurposeId): Promise<Fate>;
}

/**
 * Reads the journal. Mined transactions within `finalDepth` of the newest mined one are taken up as well: the first rounds close them.
 */
export function openBook(options: {
  journal: Journal;
  lanes: Lanes;
  now: number;
  finalDepth: bigint;
  /** Told when a purpose that was achieved, and reported so, can only be achieved by new bytes. */
  onLost: (entry: Entry) => void;
}): Book {
  const { journal, lanes, finalDepth } = options;
  const slots = new Map<number, Slot>();
  const followers = new Map<PurposeId, ((fate: Fate) => void)[]>();
  /** Highest nonce that is known to be mined. */
  let highestMined = -1;

  const add = (entry: Entry, hold: LaneHold, offered: Slot["offered"]): Slot => {
    const { nonce } = entry.sent;
    const slot: Slot = slots.get(nonce) ?? {
      nonce,
      entries: [],
      phase: { kind: "pending" },
      hold,
      offered,
      triedFees: entry.draft.fees,
      takenBack: new Set(),
      inPool: false,
      busy: false,
      trouble: null,
    };
    slot.entries.push(entry);
    slot.triedFees = entry.draft.fees;
    slot.offered = offered;
    slots.set(nonce, slot);
    return slot;
  };
  const notify = (purpose: PurposeId, fate: Fate): void => {
    const waiting = followers.get(purpose) ?? [];
    followers.delete(purpose);
    for (const tell of waiting) tell(fate);
  };
  const occupy = (slot: Slot): void => {
    slot.hold.leave();
    slot.hold = lanes.occupy(slot.entries[0]?.sent.lane ?? "plain");
  };

  load();

  function load(): void {
    const all = journal.allTransactions();
    const newest = all.reduce((block, { mined }) => (mined && mined.block > block ? mined.block : block), 0n);
    for (const sent of all) {
      if (sent.outcome === "dead") continue;
      if (sent.mined) highestMined = Math.max(highestMined, sent.nonce);
      const { mined } = sent;
      if (mined && mined.block + finalDepth <= newest) continue;
      const entry: Entry = { sent, draft: decodeRaw(sent.raw), pooledWith: null, maybeOut: true };
      const hold = slots.get(sent.nonce)?.hold ?? lanes.occupy(sent.lane);
      const slot = add(entry, hold, { at: options.now, block: null });
      if (mined) slot.phase = { kind: "won", by: entry, block: mined.block };
      // A former process may have been told that it is done, and a job that is completed asks no more.
      else if (isHarmlessTwice(sent.purpose)) slot.takenBack.add(sent.purpose);
    }
    for (const slot of slots.values()) if (slot.phase.kind === "won") slot.hold.leave();
  }

  return {
    slots: () => [...slots.values()].sort((a, b) => a.nonce - b.nonce),
    record: (sent, draft, hold, offered) => {
      journal.recordSent(sent);
      const entry: Entry = { sent, draft, pooledWith: null, maybeOut: false };
      return { slot: add(entry, hold, offered), entry };
    },
    win: (slot, entry, receipt) => {
      const mined = { block: receipt.block, fee: wei(receipt.fee) };
      journal.settle(entry.sent.hash, receipt.status === "success" ? "mined" : "reverted", mined);
      slot.phase = { kind: "won", by: entry, block: receipt.block };
      slot.hold.leave();
      highestMined = Math.max(highestMined, slot.nonce);
      notify(entry.sent.purpose, {
        hash: entry.sent.hash,
        block: receipt.block,
        status: receipt.status,
        gasUsed: receipt.gasUsed,
        fee: wei(receipt.fee),
      });
    },
    consume: (slot, block) => {
      slot.phase = { kind: "consumed", since: block };
      slot.inPool = false;
      slot.hold.leave();
    },
    reopen: (slot, now, block) => {
      slot.offered = { at: now, block };
      if (slot.phase.kind === "won") {
        journal.settle(slot.phase.by.sent.hash, "open", null);
        slot.takenBack.add(slot.phase.by.sent.purpose);
      }
      slot.phase = { kind: "pending" };
      slot.inPool = false;
      occupy(slot);
    },
    kill: (slot, entry) => {
      journal.settle(entry.sent.hash, "dead", null);
      slot.entries = slot.entries.filter((other) => other !== entry);
      if (slot.entries.length === 0) {
        slot.hold.leave();
        if (slots.get(slot.nonce) === slot) slots.delete(slot.nonce);
      }
      const { purpose } = entry.sent;
      const winner = slot.phase.kind === "won" ? slot.phase.by : undefined;
      const isUndecided = slot.entries.some((other) => other.sent.purpose === purpose && other !== winner);
      if (isUndecided) return;
      notify(purpose, "dead");
      if (slot.takenBack.has(purpose) && winner?.sent.purpose !== purpose) options.onLost(entry);
    },
    close: (slot) => void slots.delete(slot.nonce),
    signed: () => [
      { nonce: highestMined, outcome: "mined" },
      ...[...slots.values()].map(({ nonce, phase }): SignedNonce => {
        return { nonce, outcome: phase.kind === "won" ? "mined" : "open" };
      }),
    ],
    follow: (purpose) =>
      new Promise((resolve) => {
        followers.set(purpose, [...(followers.get(purpose) ?? []), resolve]);
      }),
  };
}
