import { WebSocket, type RawData } from "ws";
import type { Hex } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Rpc } from "./rpc.js";
import type { PooledTransaction } from "./withholding.js";

/** geth's transaction pools as seen from outside: what arrived and is not in a block yet. */
export interface PoolWatch {
  /** Whether a transaction arrived since the last {@link startOver}. */
  fresh(): boolean;
  startOver(): void;
  /** What is pending. Blob transactions too, which geth's own listing of its pool leaves out. */
  pending(): Promise<PooledTransaction[]>;
  /** A transaction that is or was in the pool. */
  find(hash: Hex): Promise<PooledTransaction | undefined>;
  /** These are in a block now. */
  included(hashes: readonly Hex[]): void;
  /** The block that these were in was undone. Resolves when the pool has them again, or has had its time to: one may have no place for them any more. */
  returned(hashes: readonly Hex[]): Promise<void>;
  close(): void;
}

/** A transaction as `eth_getTransactionByHash` tells it. */
interface NodeTransaction {
  readonly hash: Hex;
  readonly from: Hex;
  readonly to: Hex | null;
  readonly nonce: Hex;
  readonly input: Hex;
  readonly type: Hex;
  readonly blockNumber: Hex | null;
}

/**
 * Follows the pool over the node's WebSocket, from now on.
 * @param onArrival called with each transaction that becomes executable
 */
export async function watchPool(
  node: { wsUrl: string; rpc: Rpc; clock: Clock },
  onArrival: (hash: Hex) => void,
): Promise<PoolWatch> {
  const known = new Set<Hex>();
  const seen = new Map<Hex, PooledTransaction>();
  let fresh = false;

  const socket = new WebSocket(node.wsUrl);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("open", () =>
      socket.send('{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newPendingTransactions"]}'),
    );
    socket.once("message", () => resolve()); // the subscription's id
  });
  socket.on("error", () => undefined); // the node is going away; the driver notices by itself
  socket.on("message", (data) => {
    const hash = arrivalOf(data);
    if (hash === undefined) return;
    known.add(hash);
    fresh = true;
    onArrival(hash);
  });

  const look = (hash: Hex): Promise<NodeTransaction | null> => node.rpc("eth_getTransactionByHash", [hash]);
  const forget = (hash: Hex): void => {
    known.delete(hash);
    seen.delete(hash);
  };
  return {
    fresh: () => fresh,
    startOver: () => void (fresh = false),
    find: async (hash) => {
      const remembered = seen.get(hash);
      if (remembered) return remembered;
      const found = await look(hash);
      if (found?.blockNumber === null) known.add(hash); // we may be quicker than the subscription
      return found ? pooled(found) : undefined;
    },
    pending: async () => {
      const found = await Promise.all([...known].map(async (hash) => ({ hash, transaction: await look(hash) })));
      return found.flatMap(({ hash, transaction }) => {
        if (transaction?.blockNumber === null) {
          seen.set(hash, pooled(transaction));
          return [pooled(transaction)];
        }
        forget(hash);
        return [];
      });
    },
    included: (hashes) => hashes.forEach(forget),
    returned: async (hashes) => {
      for (const hash of hashes) known.add(hash);
      if (hashes.length > 0) fresh = true;
      // What geth does not show yet would be taken for gone, and never be built into a block.
      for (const end = node.clock.now() + returnMs; node.clock.now() < end; await node.clock.sleep(10)) {
        const found = await Promise.all(hashes.map(look));
        if (found.every((transaction) => transaction?.blockNumber === null)) return;
      }
    },
    close: () => socket.terminate(),
  };
}

/** How long geth has for putting what was undone back into its pools (ms): it does so after it has answered. */
const returnMs = 1_000;

/** The hash in a subscription's message. */
function arrivalOf(message: RawData): Hex | undefined {
  const text = Buffer.isBuffer(message) ? message.toString() : "{}"; // ws hands over text as one Buffer unless told otherwise
  const { params } = JSON.parse(text) as { params?: { result?: unknown } };
  return typeof params?.result === "string" ? (params.result as Hex) : undefined;
}

const BLOB_TRANSACTION = "0x3";

const pooled = (transaction: NodeTransaction): PooledTransaction => ({
  hash: transaction.hash,
  from: transaction.from.toLowerCase() as Hex,
  to: transaction.to === null ? null : (transaction.to.toLowerCase() as Hex),
  nonce: Number(transaction.nonce),
  input: transaction.input,
  type: transaction.type === BLOB_TRANSACTION ? "blob" : "plain",
});
