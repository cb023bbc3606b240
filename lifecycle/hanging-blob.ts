import { hexToBytes, keccak256 } from "viem";
import { blobBytes, versionedHash } from "../protocol/blob.js";
import {
  otherProofsWanted,
  proofsPerBlob,
  withSidecar,
  type BlobSidecar,
  type ProofKind,
} from "../protocol/blob-transaction.js";
import type { Hex } from "../schema/units.js";
import { BlobInTheWay, GasTooExpensive, OutcomeUnknown } from "./errors.js";
import type { Following } from "./following.js";
import type { Broadcast, SenderNode } from "./node.js";
import { purposeId } from "./purpose.js";
import type { SentTx } from "./types.js";

/**
 * Takes the place of blob transactions that a former holder of the key left in the mempool. As long as one hangs there the node refuses every plain
 * transaction of the key, and only a blob that pays twice as much in all three fees replaces it (contracts reference §6.2, §6.4): an empty one, at the same
 * nonce, until the nonce is used by either. Plain transactions that hang are left alone: their place is taken by whatever is sent next.
 *
 * @throws BlobInTheWay (LF1239), OutcomeUnknown (LF1231), GasTooExpensive (LF1233), NodeSilent (LF1238)
 */
export async function replaceHangingBlobs(by: Following, signal?: AbortSignal): Promise<void> {
  const { node, ledger } = by;
  for (;;) {
    const latest = await node.nonce(ledger.address, "latest");
    if ((await node.nonce(ledger.address, "pending")) <= latest) return;
    if (!(await replaceAt(latest, by, signal))) return;
  }
}

/** @returns whether the nonce is used now; `false`: what hangs there is no blob */
async function replaceAt(nonce: number, by: Following, signal?: AbortSignal): Promise<boolean> {
  const { node, ledger, clock, timeoutMs, replaceAfterMs, pollMs } = by;
  const purpose = purposeId({
    chainId: by.chainId,
    worker: ledger.address,
    kind: "fill",
    generation: 0,
    detail: `n${nonce}`,
  });
  const tried = (await ledger.sent()).filter((tx) => tx.purpose === purpose && tx.outcome === "open");
  const bidMore = async (reason: string): Promise<void> => {
    if (tried.length > mostDoublings) throw new BlobInTheWay(ledger.address, nonce, reason);
    const tx = await emptyBlobAt(nonce, tried.length, purpose, by);
    await ledger.append(tx);
    tried.push(tx);
  };

  const end = clock.now() + timeoutMs;
  let raiseAt = clock.now() + replaceAfterMs;
  if (tried.length === 0) await bidMore("");
  for (;;) {
    signal?.throwIfAborted();
    if ((await node.nonce(ledger.address, "latest")) > nonce) {
      await writeDown(tried, by);
      return true;
    }
    const newest = tried.at(-1);
    if (newest === undefined) throw new Error("a bid was made and is not there");
    const answer = (await node.knows(newest.hash)) ? null : await broadcastStored(newest.raw, node);
    if (answer?.kind === "refused") {
      if (/already reserved/i.test(answer.reason)) {
        await giveUp(tried, by);
        return false;
      }
      throw new BlobInTheWay(ledger.address, nonce, answer.reason);
    }
    if (answer?.kind === "underpriced" || clock.now() >= raiseAt) {
      await bidMore(
        answer === null ? "it is not mined at any price that is allowed" : "its fees are too high to double",
      );
      raiseAt = clock.now() + replaceAfterMs;
      continue;
    }
    if (clock.now() >= end) throw new OutcomeUnknown(purpose, newest.hash, timeoutMs);
    await clock.sleep(pollMs, signal);
  }
}

/** Which of the bids was mined, if one was: the blob that hung there may have been quicker. */
async function writeDown(tried: readonly SentTx[], by: Following): Promise<void> {
  await giveUp(tried, by);
  for (const { hash } of tried) {
    const receipt = await by.node.receipt(hash);
    if (receipt === null) continue;
    const { block, fee, status } = receipt;
    const outcome = { outcome: status === "success" ? "mined" : "reverted", mined: { block, fee } } as const;
    await by.ledger.decide(new Map([[hash, outcome]]));
  }
}

/** Bids are not followed any more, even before their nonce is final: if one came back all the same, it would do nothing. */
const giveUp = (tried: readonly SentTx[], { ledger }: Following): Promise<void> =>
  ledger.decide(new Map(tried.map(({ hash }) => [hash, { outcome: "dead", mined: null }])));

/** How often the fees are doubled at most. A sidecar doubles its own three times (contracts reference §6.4); double that leaves room. */
const mostDoublings = 6;

/** wei per gas, or per blob gas. */
export interface BlobBid {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly maxFeePerBlobGas: bigint;
}

/** Where a sidecar begins per blob gas (contracts reference §6.1), and the least that is offered as a tip: 1 gwei, which is 0.000021 LCAI in all. */
const firstBid = 1_000_000_000n;

/**
 * What is offered at the nonce of a blob whose fees are not known: no less than a sidecar begins with, doubled so many times. The limit per gas stands above the
 * highest price then, but only base fee and tip are paid. Pure.
 */
export function bidFor(doublings: number, gasPrice: bigint, maxGasPrice: bigint): BlobBid {
  const times = 1n << BigInt(doublings);
  return {
    maxFeePerGas: maxGasPrice * times,
    maxPriorityFeePerGas: (gasPrice > firstBid ? gasPrice : firstBid) * times,
    maxFeePerBlobGas: firstBid * times,
  };
}

/** Its commitment and every proof of it, or of its cells, are the point at infinity, so that no KZG library is needed (EIP-4844, `verify_blob_kzg_proof`). */
const infinity: Hex = `0xc0${"00".repeat(47)}`;
const emptyBlob = (kind: ProofKind): BlobSidecar => ({
  kind,
  blob: `0x${"00".repeat(blobBytes)}`,
  commitment: infinity,
  proofs: Array.from({ length: proofsPerBlob[kind] }, () => infinity),
});
const emptyBlobHash = versionedHash(hexToBytes(infinity));

async function emptyBlobAt(
  nonce: number,
  doublings: number,
  purpose: SentTx["purpose"],
  { ledger, node, chainId, maxGasPrice }: Following,
): Promise<SentTx> {
  const gasPrice = await node.gasPrice();
  if (gasPrice > maxGasPrice) throw new GasTooExpensive(gasPrice, maxGasPrice);
  const raw = await ledger.sign({
    type: "eip4844",
    chainId,
    nonce,
    ...bidFor(doublings, gasPrice, maxGasPrice),
    gas: 21_000n,
    to: ledger.address,
    value: 0n,
    data: "0x",
    blobVersionedHashes: [emptyBlobHash],
  });
  return {
    purpose,
    from: ledger.address,
    nonce,
    hash: keccak256(raw),
    raw,
    lane: "blob",
    outcome: "open",
    mined: null,
  };
}

/**
 * Sends stored bytes: a plain transaction as it is, a blob transaction with its empty blob beside it again. Which proofs the chain asks for there its node tells by
 * refusing the others; the transaction is the same with either (EIP-4844, EIP-7594).
 */
export async function broadcastStored(raw: Hex, node: SenderNode): Promise<Broadcast> {
  if (!raw.startsWith("0x03")) return node.broadcast(raw);
  const answer = await node.broadcast(withSidecar(raw, emptyBlob("blob")));
  const isOtherKind = answer.kind === "refused" && otherProofsWanted.test(answer.reason);
  return isOtherKind ? node.broadcast(withSidecar(raw, emptyBlob("cells"))) : answer;
}
