import { keccak256, stringToBytes } from "viem";
import { SendRefused } from "../../sidecar/failures.js";
import type { Call, Mined } from "../../lifecycle/types.js";
import type { Journal } from "../../sidecar/journal.js";
import type { Transactions } from "../../sidecar/ports.js";
import { wei } from "../../schema/units.js";
import { blobHash, rules, worker, type PendingTx, type World } from "./world.js";

/**
 * The transaction manager's contract over the simulated world: a purpose is achieved at most once, open bytes are followed and never signed again. (The real one has
 * its own tests against nodes that lie.)
 * @param signTransaction asked before anything new is sent; what it throws is thrown
 */
export function createSimulatedTransactions(
  world: World,
  journal: Journal,
  signTransaction: () => Promise<unknown>,
): Transactions {
  /** The nonce after the last one this journal signed. */
  const signed = (): number => 1 + Math.max(-1, ...journal.allTransactions().map(({ nonce }) => nonce));
  const everything = (): readonly PendingTx[] => [...world.mempool, ...world.mined];

  const achieve = async (call: Call, signal?: AbortSignal, payload?: Uint8Array): Promise<Mined> => {
    signal?.throwIfAborted();
    const past = journal.sentFor(call.purpose);
    let sent = past.find(({ outcome }) => outcome !== "reverted");
    if (sent === undefined) {
      const why = world.wouldRevert(call);
      if (why !== null) throw new SendRefused(call.purpose, "reverted", why);
      await signTransaction();
      const nonce = Math.max(world.nonce + world.mempool.length, signed());
      const hash = keccak256(stringToBytes(`${call.purpose} ${nonce}`));
      sent = {
        purpose: call.purpose,
        from: worker,
        nonce,
        hash,
        raw: "0x00",
        lane: "plain",
        outcome: "open",
        mined: null,
      };
      journal.recordSent(sent);
      world.submitTx({
        call,
        hash,
        mined: null,
        ...(payload !== undefined && { blob: { hash: blobHash(payload), payload } }),
      });
    }
    const { hash } = sent;
    // Bytes that were stored but not yet sent when the process died are sent now.
    if (!everything().some((tx) => tx.hash === hash))
      world.submitTx({
        call,
        hash,
        mined: null,
        ...(payload !== undefined && { blob: { hash: blobHash(payload), payload } }),
      });
    for (;;) {
      const tx = everything().find((other) => other.hash === hash)!;
      if (tx.mined !== null) {
        const fee = wei(rules.gas);
        const { block, status } = tx.mined;
        journal.settle(hash, status === "success" ? "mined" : "reverted", { block, fee });
        return { hash, block, status, gasUsed: 21_000n, fee };
      }
      await world.clock.sleep(250, signal);
      signal?.throwIfAborted();
    }
  };

  return {
    address: worker,
    send: (call, signal) => achieve(call, signal),
    publish: async ({ purpose, payload, signal }) => {
      const mined = await achieve({ purpose, to: worker, data: "0x", value: wei(0n) }, signal, payload);
      const tx = everything().find(({ hash }) => hash === mined.hash)!;
      return { ...mined, versionedHash: tx.blob!.hash };
    },
    recover: async () => undefined,
    useOfKey: async () => (world.nonce > (journal.epoch()?.nonce ?? 0) && world.nonce > signed() ? "foreign" : "ours"),
    close: async () => undefined,
  };
}
