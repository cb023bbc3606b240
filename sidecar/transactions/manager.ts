import type { Signer } from "../../keystore/store.js";
import type { PurposeId } from "../../lifecycle/types.js";
import { withoutSidecar } from "../../protocol/blob-transaction.js";
import type { Settings } from "../../schema/settings.js";
import type { Hash } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { retry } from "../../system/retry.js";
import { SendRefused } from "../failures.js";
import type { Journal } from "../journal.js";
import type { Blobs, Chain, Node, Transactions } from "../ports.js";
import { openBook, type Entry } from "./book.js";
import { createDrafting } from "./drafts.js";
import { createFiller } from "./filler.js";
import { createFollower } from "./follower.js";
import { createLanes } from "./lanes.js";
import { isBehind } from "./nonces.js";
import { createOffers } from "./offers.js";
import { createPurposes } from "./purposes.js";
import { decodeRaw } from "./raw.js";
import { createSubmitter, type Order } from "./submitter.js";
import { createTurns } from "./turns.js";
import { createWatch } from "./watch.js";
import { createWrapping, type Wrapping } from "./wrapping.js";

/** What sends, signs and remembers. */
export interface TransactionsOptions {
  readonly node: Node;
  readonly signer: Signer;
  readonly journal: Journal;
  readonly blobs: Pick<Blobs, "build" | "prove">;
  readonly clock: Clock;
  readonly settings: Settings["chain"];
  readonly log: Logger;
  /** Wakes the followers at each new block. Default: they look every `settings.pollMs`. */
  readonly onHead?: Chain["onHead"];
  /** Blocks upon a transaction after which no reorganisation is expected to reach it. Default 64, two epochs. */
  readonly finalDepth?: bigint;
  /** Tells this process's transactions from those of a process that runs from a copy of its journal; see {@link createDrafting}. Default 0. */
  readonly mark?: bigint;
}

/**
 * The one sender of the worker's key.
 *
 * What holds, whatever node, network and process do: bytes are in the journal before anybody sees them; a purpose has live bytes at one nonce only, so it is
 * achieved at most once; a nonce is given to something else only when the node refused its bytes for certain and they were never offered before; and nothing
 * is taken as lost before the chain has used its nonce and moved `finalDepth` blocks on.
 *
 * A purpose that is asked for again: open bytes are sent again and followed; a success is returned and nothing sent; after a revert, or when all its bytes
 * are dead, it is signed anew. Both `send` and `publish` reject with CallReverted or SendRefused when nothing was sent, with the signal's reason when it
 * aborts (what was sent by then is followed all the same), and with the port's own errors when the chain cannot be asked.
 */
export function createTransactions(options: TransactionsOptions): Transactions {
  const { node, signer, journal, blobs, clock, settings, log } = options;
  const finalDepth = options.finalDepth ?? 64n;
  const closing = new AbortController();
  const lanes = createLanes();
  const inTurn = createTurns();
  const book = openBook({ journal, lanes, now: clock.now(), finalDepth, onLost: sendAgain });
  const drafting = createDrafting(node, signer.address, settings, options.mark ?? 0n);
  const wrapping = createWrapping({ node, blobs, proofs: settings.blobProofs, log });
  const offers = createOffers({ node, signer, book, wrapping, clock, log });
  const filler = createFiller({ node, self: signer.address, wrapping, book, lanes, drafting, offers, inTurn, log });
  const follower = createFollower({
    ...{ node, book, offers, drafting, filler, wrapping, settings, finalDepth, clock, log },
  });
  const watch = createWatch({ follower, book, pollMs: settings.pollMs, onHead: options.onHead, clock, log });
  const submitter = createSubmitter({ node, book, lanes, drafting, offers, filler, inTurn, watch, clock, settings });
  const purposes = createPurposes({ journal, book, submitter, watch, follower, clock, pollMs: settings.pollMs });

  return {
    address: signer.address,
    send: (call, signal, urgency = "settlement") =>
      purposes.achieve(
        { purpose: call.purpose, lane: call.sweep ? "alone" : "plain", urgency, draft: () => drafting.call(call) },
        signal,
      ),
    publish: async ({ purpose, payload, signal }) => {
      // Built at most once, and before its turn comes: building takes longer than anything else here.
      let built: ReturnType<Wrapping["build"]> | undefined;
      const build = () => (built ??= wrapping.build(payload));
      const mined = await purposes.achieve(
        { purpose, lane: "blob", urgency: "job", ready: build, draft: async () => drafting.blob(await build()) },
        signal,
      );
      return { ...mined, versionedHash: versionedHashOf(purpose, mined.hash) };
    },
    recover: async () => {
      if (book.slots().length === 0) return;
      log.info(
        { event: "transactions.recovered", nonces: book.slots().map(({ nonce }) => nonce) },
        "following what was sent before",
      );
      watch.start();
      await watch.look();
    },
    useOfKey: async () => {
      const { latest } = await node.nonces();
      if (latest <= (journal.epoch()?.nonce ?? 0)) return "ours";
      if (isBehind(latest, book.signed())) return "foreign";
      const last = book.slots().find(({ nonce, phase }) => nonce === latest - 1 && phase.kind !== "won");
      if (last === undefined) return "ours";
      const receipts = await Promise.all(last.entries.map(({ sent }) => node.receipt(sent.hash)));
      return receipts.some((receipt) => receipt !== null) ? "ours" : "unclear";
    },
    close: async () => {
      closing.abort(new Error("the sidecar is stopping"));
      purposes.close();
      await watch.stop();
    },
  };

  /** Whoever asked for it was told that it is done, and asks no more: so it is done again here, if the chain still wants it. */
  function sendAgain({ sent: { purpose, hash, nonce }, draft }: Entry): void {
    if (purpose === filler.purposeAt(nonce)) return; // nobody wants nothing
    log.error({ event: "transaction.lost", purpose, hash }, "mined, taken back and overtaken: it is sent anew");
    const lane = draft.lane === "plain" && draft.body.data === "0x" ? "alone" : draft.lane;
    const order: Order = { purpose, lane, urgency: "job", draft: () => drafting.again(purpose, draft) };
    const again = retry(() => purposes.achieve(order, closing.signal), {
      policy: { attempts: 50, pauseMs: settings.pollMs, maxPauseMs: 30_000 },
      clock,
      worthRetrying: (error) => !(error instanceof SendRefused),
      signal: closing.signal,
    });
    again.catch((err: unknown) => {
      log.error({ event: "transaction.lost", purpose, err }, "what was taken back could not be sent anew");
    });
  }

  function versionedHashOf(purpose: PurposeId, hash: Hash): Hash {
    const sent = journal.sentFor(purpose).find((one) => one.hash === hash);
    const draft = sent && decodeRaw(withoutSidecar(sent.raw));
    if (draft?.lane !== "blob") throw new Error(`${purpose}: transaction ${hash} carries no blob`);
    return draft.body.versionedHash;
  }
}
