import type { RecordRef, SecretStore } from "../keystore/store.js";
import type { Clock } from "../system/clock.js";
import { PlanStale } from "./errors.js";
import { follow, openAttempts, toAttempts } from "./follow.js";
import type { Following } from "./following.js";
import { condense } from "./former-payments.js";
import { replaceHangingBlobs } from "./hanging-blob.js";
import { openLedger } from "./ledger.js";
import type { SenderNode } from "./node.js";
import { gasPriceOf, prepare, type Preparing } from "./prepare.js";
import type { Call, Mined, Sender, SentTx } from "./types.js";

/** How a stored sender works. Durations in ms. */
export interface StoredSenderOptions {
  readonly store: SecretStore;
  /** Whose key, and where its transactions are written down. */
  readonly ref: RecordRef;
  readonly chainId: number;
  readonly node: SenderNode;
  readonly clock: Clock;
  /** Highest price per gas ever paid, wei. Default 100 gwei. */
  readonly maxGasPrice?: bigint;
  /**
   * Where the next nonce comes from. `pending` (default for a treasury, whose owner may use it elsewhere too): after everything in the mempool.
   * `latest` (default for a worker, taken over from a dead holder): after what is mined, replacing what the former holder left hanging, blobs included.
   */
  readonly nonceFrom?: Preparing["nonceFrom"];
  /** Longest wait for the record's lock. Default 240,000. */
  readonly lockWaitMs?: number;
  /** Longest wait until a transaction is mined. Default 180,000. */
  readonly timeoutMs?: number;
  /** A transaction that is not mined by then is sent again at today's price, if that is higher. Default 30,000. */
  readonly replaceAfterMs?: number;
  /** Between looks at the chain. Default 1,000. */
  readonly pollMs?: number;
}

/** A sender whose transactions rest beside its key. */
export interface StoredSender extends Sender {
  /**
   * Decides and sends under one hold of the record's lock, after everything before it is settled: for decisions that several processes make at once, such as what
   * a treasury still has to pay. `decide` reads the chain anew and answers with a call, or `null` when nothing is needed any more.
   */
  sendDecided(decide: () => Promise<Call | null>, signal?: AbortSignal): Promise<Mined | null>;
  settle(signal?: AbortSignal): Promise<void>;
}

/**
 * Sends with a key that rests in a store. Signed bytes are written beside the key before they are sent; a purpose that is open is followed with the same bytes, one that is mined
 * is done; the record's lock makes processes take turns. So however often and wherever it is called, a purpose is paid at most once.
 *
 * Sending throws SendRefused (LF1230), OutcomeUnknown (LF1231), GasTooExpensive (LF1233), PlanStale (LF1235), NodeSilent (LF1238), BlobInTheWay (LF1239) and the
 * store's errors;
 * it is safe to call again after any of them.
 */
export async function openStoredSender(options: StoredSenderOptions): Promise<StoredSender> {
  const { store, ref } = options;
  const sending: Sending = {
    maxGasPrice: 100_000_000_000n,
    nonceFrom: ref.startsWith("worker/") ? "latest" : "pending",
    timeoutMs: 180_000,
    replaceAfterMs: 30_000,
    pollMs: 1_000,
    ...options,
    ledger: await openLedger(store, ref),
  };
  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    const lease = await store.lock(ref, options.lockWaitMs ?? 240_000);
    try {
      return await work();
    } finally {
      lease.release();
    }
  };
  return {
    address: sending.ledger.address,
    send: (call, signal) => locked(() => send(call, sending, signal)),
    settle: (signal) => locked(() => settle(sending, signal)),
    sendDecided: (decide, signal) =>
      locked(async () => {
        await reopenLost(sending);
        await settle(sending, signal);
        await condense(sending);
        const call = await decide();
        return call && (await send(call, sending, signal));
      }),
  };
}

type Sending = Following & Preparing;

/** Under the record's lock. */
async function send(call: Call, by: Sending, signal?: AbortSignal): Promise<Mined> {
  const mine = (await by.ledger.sent()).filter((tx) => tx.purpose === call.purpose);
  const done = await alreadyDone(mine, by, signal);
  if (done) return done;
  const [open] = openAttempts(mine);
  if (open) return follow(open, by, signal);
  await settle(by, signal);
  if (by.nonceFrom === "latest") await replaceHangingBlobs(by, signal);
  const [lost] = await reopenLost(by);
  if (lost) throw new PlanStale(call.purpose, lost.nonce); // the plan was made on what is not true any more
  return follow([await store(call, by)], by, signal);
}

/**
 * What a purpose was achieved with. What is final is believed without asking, since nodes forget old receipts; what is younger is looked at again, since a
 * reorganisation may have taken it back: then it is open once more.
 */
async function alreadyDone(mine: readonly SentTx[], by: Sending, signal?: AbortSignal): Promise<Mined | undefined> {
  const done = mine.find((tx) => tx.outcome === "mined");
  if (done?.mined == null) return undefined;
  const { nonce, hash, mined } = done;
  const [attempts] = toAttempts(mine.filter((tx) => tx.nonce === nonce));
  if (attempts && (await by.node.nonce(done.from, "final")) <= nonce) return follow(attempts, by, signal);
  return { hash, block: mined.block, status: "success", gasUsed: mined.fee / gasPriceOf(done), fee: mined.fee };
}

/** Signs and writes down. From here on the purpose has bytes, and no others at another nonce until these are dead. */
async function store(call: Call, by: Sending): Promise<SentTx> {
  const { ifNonce, purpose } = call;
  if (ifNonce !== undefined && (await by.node.nonce(by.ledger.address, "latest")) !== ifNonce)
    throw new PlanStale(purpose, ifNonce);
  const tx = await prepare(call, by);
  await by.ledger.append(tx);
  return tx;
}

/** What counted as paid and was taken back by a reorganisation is open again. */
async function reopenLost({ ledger, node }: Sending): Promise<readonly SentTx[]> {
  const final = await node.nonce(ledger.address, "final");
  const young = (await ledger.sent()).filter((tx) => tx.outcome === "mined" && tx.nonce >= final);
  const looked = await Promise.all(young.map(async (tx) => ((await node.receipt(tx.hash)) === null ? [tx] : [])));
  const lost = looked.flat();
  if (lost.length > 0) await ledger.decide(new Map(lost.map((tx) => [tx.hash, { outcome: "open", mined: null }])));
  return lost;
}

/** Follows what the node has in its mempool. What it does not have stays open: its nonce is taken by whatever comes next. */
async function settle(by: Sending, signal?: AbortSignal): Promise<void> {
  // Empty blobs are looked after where they are made.
  const plain = (await by.ledger.sent()).filter(({ lane }) => lane === "plain");
  for (const attempts of openAttempts(plain)) {
    const known = await Promise.all(attempts.map((tx) => by.node.knows(tx.hash)));
    if (!known.includes(true)) continue;
    try {
      await follow(attempts, by, signal);
    } catch (error) {
      if (!(error instanceof PlanStale)) throw error; // dead is settled too
    }
  }
}
