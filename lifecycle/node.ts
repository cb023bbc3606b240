import {
  BlockNotFoundError,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
  type PublicClient,
  type TransactionReceipt,
} from "viem";
import { otherProofsWanted } from "../protocol/blob-transaction.js";
import { blockTime, wei, type Address, type BlockTime, type Hash, type Hex, type Wei } from "../schema/units.js";
import { revertOf, type Revert } from "../abi/revert.js";
import { NodeSilent } from "./errors.js";
import { nameOf } from "./reverts.js";

/** What a sender asks of a node. An adapter over viem in production, a small chain in memory in tests. */
export interface SenderNode {
  /** Transactions of the account that count: mined, with those in the mempool, or so deep that they stay. */
  nonce(account: Address, at: "latest" | "pending" | "final"): Promise<number>;
  balance(account: Address): Promise<Wei>;
  /** Wei per gas. */
  gasPrice(): Promise<bigint>;
  /** Gas, or why it would fail. */
  estimate(call: { from: Address; to: Address; value: bigint; data: Hex }): Promise<Estimate>;
  broadcast(raw: Hex): Promise<Broadcast>;
  receipt(hash: Hash): Promise<TxReceipt | null>;
  /** Whether the node has the transaction, mined or in its mempool. */
  knows(hash: Hash): Promise<boolean>;
  /** When a block was made; `null` when the node has none of that number. */
  timeOf(block: bigint | "latest"): Promise<BlockTime | null>;
}

/** What a node says of a call before it is signed. */
export type Estimate =
  | { readonly ok: true; readonly gas: bigint }
  | { readonly ok: false; readonly reason: string; readonly revert: Revert | null };

/**
 * How a node took a transaction. `held`: it has it. `behind`: the nonce is used. `underpriced`: it pays too little,
 * by itself or to replace the one in the mempool. `refused`: certainly not taken. `unclear`: nobody knows; the chain has to be read.
 */
export type Broadcast =
  | { readonly kind: "held" | "behind" | "underpriced" }
  | { readonly kind: "refused" | "unclear"; readonly reason: string };

/** How a transaction ended. */
export interface TxReceipt {
  readonly hash: Hash;
  readonly block: bigint;
  readonly status: "success" | "reverted";
  readonly gasUsed: bigint;
  readonly fee: Wei;
}

/** Blocks after which a node that knows no finality is believed: as many as geth keeps state for, halved. */
const deepBlocks = 64n;

/** The node behind a viem client. Each question rejects with NodeSilent (LF1238) when it is not answered. */
export function nodeOf(client: PublicClient): SenderNode {
  return {
    nonce: async (address, at) => {
      if (at !== "final") return answered(client.getTransactionCount({ address, blockTag: at }));
      try {
        return await client.getTransactionCount({ address, blockTag: "finalized" });
      } catch {
        const head = await answered(client.getBlockNumber());
        return head < deepBlocks
          ? 0
          : answered(client.getTransactionCount({ address, blockNumber: head - deepBlocks }));
      }
    },
    balance: async (address) => wei(await answered(client.getBalance({ address }))),
    gasPrice: () => answered(client.getGasPrice()),
    estimate: async ({ from, ...call }) => {
      try {
        return { ok: true, gas: await client.estimateGas({ account: from, ...call }) };
      } catch (error) {
        const revert = revertOf(error) ?? null;
        if (revert === null && !isAnswer(error)) throw new NodeSilent(wordsOf(error), error);
        return { ok: false, reason: revert === null ? wordsOf(error) : nameOf(revert), revert };
      }
    },
    broadcast: async (raw) => {
      try {
        await client.sendRawTransaction({ serializedTransaction: raw });
        return { kind: "held" };
      } catch (error) {
        return classifyBroadcast(error);
      }
    },
    receipt: async (hash) => {
      try {
        return toReceipt(await client.getTransactionReceipt({ hash }));
      } catch (error) {
        if (error instanceof TransactionReceiptNotFoundError || error instanceof BlockNotFoundError) return null;
        throw new NodeSilent(wordsOf(error), error);
      }
    },
    knows: async (hash) => {
      try {
        await client.getTransaction({ hash });
        return true;
      } catch (error) {
        if (error instanceof TransactionNotFoundError) return false;
        throw new NodeSilent(wordsOf(error), error);
      }
    },
    timeOf: async (block) => {
      try {
        const { timestamp } = await client.getBlock(block === "latest" ? {} : { blockNumber: block });
        return blockTime(timestamp);
      } catch (error) {
        if (error instanceof BlockNotFoundError) return null;
        throw new NodeSilent(wordsOf(error), error);
      }
    },
  };
}

/**
 * What a failed `eth_sendRawTransaction` means. Only words and codes that nodes use for certain refusals count as such
 * (contracts reference §6.5); anything else is unclear.
 */
export function classifyBroadcast(error: unknown): Broadcast {
  const words = allWords(error);
  if (/already known|known transaction|already imported/i.test(words)) return { kind: "held" };
  if (/nonce too low|nonce is too low|OldNonce/i.test(words)) return { kind: "behind" };
  if (/underpriced|gas price below|less than block base fee|tip needed/i.test(words)) return { kind: "underpriced" };
  if (
    certainRefusal.test(words) ||
    otherProofsWanted.test(words) ||
    codesOf(error).some((code) => refusalCodes.has(code))
  )
    return { kind: "refused", reason: wordsOf(error) };
  return { kind: "unclear", reason: wordsOf(error) };
}

const certainRefusal =
  /insufficient funds|intrinsic gas too low|exceeds block gas limit|address already reserved|invalid (?:sender|chain ?id|signature)|nonce too high|tx fee \(.*\) exceeds/i;
const refusalCodes = new Set([-32602, -38010, -38011, -38013, -38014, -38015, -38024, -38025]);

const toReceipt = (receipt: TransactionReceipt): TxReceipt => ({
  hash: receipt.transactionHash,
  block: receipt.blockNumber,
  status: receipt.status,
  gasUsed: receipt.gasUsed,
  fee: wei(receipt.gasUsed * receipt.effectiveGasPrice),
});

/** The answer, or NodeSilent (LF1238): viem's own errors repeat the endpoint's url, which often carries an access key. */
export async function answered<T>(question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    throw silent(error);
  }
}
/** The same for an error that was caught already. */
export const silent = (error: unknown): NodeSilent => new NodeSilent(wordsOf(error), error);

type Layer = Readonly<Record<string, unknown>>;

/** An error and its causes, outermost first. */
function layersOf(error: unknown): Layer[] {
  const layers: Layer[] = [];
  for (let at = error; typeof at === "object" && at !== null && layers.length < 20; at = (at as Layer)["cause"])
    layers.push(at as Layer);
  return layers;
}

const codesOf = (error: unknown): number[] =>
  layersOf(error).flatMap(({ code }) => (typeof code === "number" ? [code] : []));

const allWords = (error: unknown): string =>
  layersOf(error)
    .flatMap(({ details, shortMessage, message }) => [details, shortMessage, message])
    .filter((text) => typeof text === "string")
    .join("\n");

/** The node's own words, without urls, request bodies or stacks. */
function wordsOf(error: unknown): string {
  const details = layersOf(error)
    .map((layer) => layer["details"])
    .find((text) => typeof text === "string" && text !== "");
  if (typeof details === "string") return details.split("\n")[0] ?? details;
  return error instanceof Error ? (error.message.split("\n")[0] ?? error.name) : String(error);
}

/** Whether the node itself answered with an error, rather than nobody answering. */
const isAnswer = (error: unknown): boolean => codesOf(error).some((code) => code <= -32_000 || code === 3);
