import { unsettledBlocks } from "./history.js";
import type { SenderNode } from "./node.js";
import type { SentTx } from "./types.js";

/**
 * The same transactions with what the chain has decided by now, which may be a block or two later than `at`: a plan then waits for these. A view for
 * planning: only a sender writes outcomes down.
 *
 * One without a receipt is open: even when its nonce is used, until that is final, and even when it was mined once, in a block that a reorganisation took
 * back.
 */
export async function refreshSent(node: SenderNode, sent: readonly SentTx[], at: bigint): Promise<SentTx[]> {
  return Promise.all(
    sent.map(async (tx): Promise<SentTx> => {
      const isYoung = tx.mined === null || tx.mined.block + unsettledBlocks > at;
      if (tx.outcome === "dead" || !isYoung) return tx;
      const receipt = await node.receipt(tx.hash);
      if (receipt === null) return { ...tx, outcome: "open", mined: null };
      const { block, fee, status } = receipt;
      return { ...tx, outcome: status === "success" ? "mined" : "reverted", mined: { block, fee } };
    }),
  );
}
