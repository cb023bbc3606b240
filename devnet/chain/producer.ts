import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Hex } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import { buildBlock } from "./build.js";
import {
  connectEngine,
  type BlockAttributes,
  type BuiltBlock,
  type ForkChoice,
  type ImportableBlock,
} from "./engine.js";
import { forkAt, type Genesis } from "./genesis.js";
import { startGeth } from "./geth.js";
import { connectRpc, RpcRefused, type Rpc } from "./rpc.js";

/**
 * A second geth that builds blocks from exactly the transactions it is handed.
 *
 * A block can only be built from a pool, and nothing can be taken out of one. So withholding needs a block producer with a pool of its own, as on a
 * real network: everybody's node knows the transaction, the producer does not put it in.
 */
export interface Producer {
  /** Builds a block on the chosen head. @param transactions as the pool keeps them, blobs included; each sender's in order */
  build(
    choice: ForkChoice,
    attributes: Omit<BlockAttributes, "prevRandao">,
    transactions: readonly Hex[],
    newRandao: () => Hex,
  ): Promise<BuiltBlock>;
  /** Builds a block without transactions on a block of the chain that need not be its head. */
  buildEmpty(
    choice: ForkChoice,
    attributes: Omit<BlockAttributes, "prevRandao">,
    newRandao: () => Hex,
  ): Promise<BuiltBlock>;
  stop(): Promise<void>;
}

/**
 * Starts a producer: about a second, and a few ms for each block that the chain has already.
 * @param options.dir its folder; its chain is kept from one start to the next, its pool is not
 * @param options.chain the node whose chain it follows
 */
export async function startProducer(options: {
  program: string;
  dir: string;
  genesis: Genesis;
  chain: Rpc;
  clock: Clock;
}): Promise<Producer> {
  for (const poolFile of ["blobpool", "transactions.rlp"])
    await rm(join(options.dir, "data", "geth", poolFile), { recursive: true, force: true });
  const geth = await startGeth(options);
  const engine = connectEngine(geth, (timestamp) => forkAt(options.genesis, timestamp));
  const rpc = connectRpc(geth.httpUrl);

  const catchUp = async (choice: ForkChoice): Promise<void> => {
    const target = await blockNumberOf(options.chain, choice.head);
    const own = await ownHeight(rpc);
    let common = Math.min(own, target);
    while ((await hashAt(rpc, common)) !== (await hashAt(options.chain, common))) common -= 1; // since then, a reorganisation
    for (let number = common + 1; number <= target; number++)
      await engine.importBlock(await blockAt(options.chain, number));
    // A fork choice for an ancestor of the head is passed over: going back along one's own chain takes a word of its own.
    if (common === target && own > target) await rpc("debug_setHead", [quantity(target)]);
    await engine.choose(choice);
    // The pools look at a new head a moment after it was chosen; a blob transaction on the new nonce is refused until then.
    if (common < target) await options.clock.sleep(50);
  };

  return {
    build: async (choice, attributes, transactions, newRandao) => {
      await catchUp(choice);
      let accepted = 0;
      for (const transaction of transactions) if (await handOver(rpc, transaction)) accepted += 1;
      const pool = accepted > 0 ? "expected" : "maybe";
      return buildBlock(engine, choice, attributes, { pool, clock: options.clock, newRandao });
    },
    buildEmpty: async (choice, attributes, newRandao) => {
      await catchUp(choice);
      return buildBlock(engine, choice, attributes, { pool: "empty", clock: options.clock, newRandao });
    },
    stop: () => geth.stop(),
  };
}

/** @returns whether the pool has it now; what it refuses, it refuses for the reason any node would */
async function handOver(rpc: Rpc, transaction: Hex): Promise<boolean> {
  try {
    await rpc("eth_sendRawTransaction", [transaction]);
    return true;
  } catch (error) {
    if (error instanceof RpcRefused) return error.message.includes("already known");
    throw error;
  }
}

const blockNumberOf = async (chain: Rpc, hash: Hex): Promise<number> =>
  Number((await chain<{ number: Hex }>("eth_getBlockByHash", [hash, false])).number);

const ownHeight = async (rpc: Rpc): Promise<number> => Number(await rpc<Hex>("eth_blockNumber"));

const hashAt = async (rpc: Rpc, number: number): Promise<Hex | undefined> =>
  (await rpc<{ hash: Hex } | null>("eth_getBlockByNumber", [quantity(number), false]))?.hash;

const quantity = (number: number): Hex => `0x${number.toString(16)}`;

/** A block as `eth_getBlockByNumber` tells it. */
interface NodeBlock {
  readonly [field: string]: Hex | undefined;
}

/** A block of the chain, put together again so that another node can import it. */
async function blockAt(chain: Rpc, number: number): Promise<ImportableBlock> {
  const block = await chain<NodeBlock & { transactions: { hash: Hex; blobVersionedHashes?: Hex[] }[] }>(
    "eth_getBlockByNumber",
    [quantity(number), true],
  );
  const field = (name: string): Hex => {
    const value = block[name];
    if (value === undefined) throw new Error(`block ${number} has no ${name}`);
    return value;
  };
  const raw = await Promise.all(
    block.transactions.map(({ hash }) => chain<Hex>("eth_getRawTransactionByHash", [hash])),
  );
  return {
    payload: {
      parentHash: field("parentHash"),
      feeRecipient: field("miner"),
      stateRoot: field("stateRoot"),
      receiptsRoot: field("receiptsRoot"),
      logsBloom: field("logsBloom"),
      prevRandao: field("mixHash"),
      blockNumber: field("number"),
      gasLimit: field("gasLimit"),
      gasUsed: field("gasUsed"),
      timestamp: field("timestamp"),
      extraData: field("extraData"),
      baseFeePerGas: field("baseFeePerGas"),
      blockHash: field("hash"),
      transactions: raw,
      withdrawals: [],
      blobGasUsed: field("blobGasUsed"),
      excessBlobGas: field("excessBlobGas"),
    },
    versionedHashes: block.transactions.flatMap(({ blobVersionedHashes = [] }) => blobVersionedHashes),
    parentBeaconRoot: field("parentBeaconBlockRoot"),
    executionRequests: [], // nobody deposits, withdraws or consolidates validators on this chain
  };
}
