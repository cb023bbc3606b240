import {
  MethodNotFoundRpcError,
  MethodNotSupportedRpcError,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
  type PublicClient,
} from "viem";
import { revertOf } from "../../abi/revert.js";
import { nameOf } from "../../lifecycle/reverts.js";
import { proofsAskedFor } from "../../protocol/blob-transaction.js";
import type { Address } from "../../schema/units.js";
import { EstimateRefused } from "../failures.js";
import type { Node } from "../ports.js";
import { broadcastFailure } from "../transactions/errors.js";
import { hashOf } from "../transactions/raw.js";
import { asking, unavailable, wordsOf } from "./asking.js";

/**
 * The node behind viem clients, for one account.
 * @param broadcaster must never send a request a second time by itself: the answer to the repetition would be taken for that to the first
 */
export function nodeFor(client: PublicClient, broadcaster: PublicClient, chainId: number, account: Address): Node {
  return {
    chainId,
    blockNumber: () => asking("the newest block", client.getBlockNumber({ cacheTime: 0 })),
    nonces: async () => {
      const [latest, pending] = await asking(
        "the worker's nonce",
        Promise.all([
          client.getTransactionCount({ address: account, blockTag: "latest" }),
          client.getTransactionCount({ address: account, blockTag: "pending" }),
        ]),
      );
      return { latest, pending: Math.max(latest, pending) };
    },
    gasPrice: () => asking("the gas price", client.getGasPrice()),
    priorityFee: () => asking("the priority fee", client.estimateMaxPriorityFeePerGas()),
    estimate: async (call) => {
      try {
        return await client.estimateGas({ account, ...call });
      } catch (error) {
        const revert = revertOf(error);
        if (revert !== undefined) throw new EstimateRefused(revert, nameOf(revert));
        if (/insufficient funds|exceeds (?:the )?(?:account )?balance|gas required exceeds/i.test(wordsOf(error)))
          throw new EstimateRefused(null, "the balance does not cover it", new Error(wordsOf(error)));
        throw unavailable("a gas estimate", error);
      }
    },
    balance: () => asking("the worker's balance", client.getBalance({ address: account })),
    broadcast: async (raw) => {
      try {
        return await broadcaster.sendRawTransaction({ serializedTransaction: raw });
      } catch (error) {
        const failure = broadcastFailure(error);
        if (failure) throw failure;
        return hashOf(raw); // it has it already
      }
    },
    blobProofs: async () => {
      try {
        return proofsAskedFor(await client.request({ method: "eth_config" } as never));
      } catch (error) {
        if (error instanceof MethodNotFoundRpcError || error instanceof MethodNotSupportedRpcError) return null;
        throw unavailable("its rules", error);
      }
    },
    receipt: async (hash) => {
      try {
        const receipt = await client.getTransactionReceipt({ hash });
        const { transactionHash, blockNumber, status, gasUsed, effectiveGasPrice, blobGasUsed, blobGasPrice } = receipt;
        const blobFee = (blobGasUsed ?? 0n) * (blobGasPrice ?? 0n);
        return {
          hash: transactionHash,
          block: blockNumber,
          status,
          gasUsed,
          fee: gasUsed * effectiveGasPrice + blobFee,
        };
      } catch (error) {
        if (error instanceof TransactionReceiptNotFoundError) return null;
        throw unavailable(`the receipt of ${hash}`, error);
      }
    },
    knows: async (hash) => {
      try {
        await client.getTransaction({ hash });
        return true;
      } catch (error) {
        if (error instanceof TransactionNotFoundError) return false;
        throw unavailable(`transaction ${hash}`, error);
      }
    },
  };
}
