import type { SenderNode } from "./node.js";
import type { SentTx } from "./types.js";

/**
 * The same transactions with what the chain has decided up to block `at`. A view for planning: only a sender writes outcomes down.
 *
 * One without a receipt stays open even when its nonce is used; until that is final, a reorganisation could still bring it back.
 */
export async function refreshSent(node: SenderNode, sent: readonly SentTx[], at: bigint): Promise<SentTx[]> {
  return Promise.all(
    sent.map(async (tx): Promise<SentTx> => {
      if (tx.outcome !== "open") return tx;
      const receipt = await node.receipt(tx.hash);
      if (receipt !== null && receipt.block <= at)
        return {
          ...tx,
          outcome: receipt.status === "success" ? "mined" : "reverted",
          mined: { block: receipt.block, fee: receipt.fee },
        };
      return tx;
    }),
  );
}
