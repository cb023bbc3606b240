import { randomBytes } from "node:crypto";
import { keccak256 } from "viem";
import { blockTime, type Address, type BlockTime, type Hex } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import { startLoop } from "../../system/loop.js";
import type { Faults } from "../faults.js";
import { buildBlock, type PoolGuess } from "./build.js";
import { connectEngine, importable, type BlockAttributes, type BuiltBlock, type ForkChoice } from "./engine.js";
import type { Fork } from "./genesis.js";
import type { Geth } from "./geth.js";
import { watchPool } from "./pool.js";
import type { Producer } from "./producer.js";
import { connectRpc, RpcRefused, type Rpc } from "./rpc.js";
import type { Slot, SlotStore } from "./slots.js";
import { ReorganisationTooDeep } from "../errors.js";
import { divide, isAbout, type PooledTransaction } from "./withholding.js";

/** How blocks are made. */
export interface DriverSettings {
  /** A block at least this often, in ms. Default 1000. */
  readonly blockIntervalMs?: number;
  /** Shortest pause between a block and the next one that is built because a transaction arrived, in ms. Default 30. */
  readonly eagerGapMs?: number;
  /** Blocks that are this many behind the head are `safe` and `finalized`. Default 2. */
  readonly finalityDepth?: number;
}

/** The newest block. */
export interface Head {
  readonly number: number;
  readonly hash: Hex;
  readonly timestamp: BlockTime;
  readonly slot: Slot;
}

/**
 * Consensus for one geth: decides when a block is built, what time it bears, and which beacon slot it belongs to.
 *
 * The chain's clock is the wall clock plus an offset; a block's timestamp is the chain's clock or, when that has not moved on, one second after its
 * parent's. So a busy chain runs ahead of the wall clock: time is what blocks say.
 */
export interface ConsensusDriver {
  head(): Head;
  /** The number of the last block that is final. */
  finalized(): number;
  /** The chain's clock. */
  now(): BlockTime;
  /** Builds blocks now, held or not. @returns the last one */
  mine(blocks?: number): Promise<Head>;
  /** Jumps ahead in time and builds a block at once, which is at least `seconds` later than the head was. */
  advance(seconds: number): Promise<Head>;
  /** Stops building blocks by itself; resolves when the one under way is built. */
  hold(): Promise<void>;
  /** Goes on building blocks; what waits in the pool goes into the next one at once. */
  release(): void;
  readonly held: boolean;
  /** Leaves this many slots without a block before the next one. */
  missSlots(count: number): void;
  /**
   * Replaces the last blocks, held or not: the head goes back to a block without transactions in place of the oldest of them, and a branch grows on it at once until
   * it is longer than what it replaced. The transactions return to the pool and go into the branch's later blocks, unless a fault withholds them (or geth's
   * pools have no place for them any more).
   * @param depth how many blocks
   * @returns the branch's last block
   * @throws ReorganisationTooDeep (LF1045) when a final block would have to go
   */
  reorganise(depth: number): Promise<Head>;
  /** Builds nothing more. */
  stop(): Promise<void>;
}

/** Where fees go: an address that nobody has the key of. */
const FEE_RECIPIENT: Address = "0x00000000000000000000000000000000000000fE";
const ZERO_ROOT: Hex = `0x${"00".repeat(32)}`;

/**
 * Takes over the chain at its present head and begins to build blocks.
 * @param options.startProducer starts a producer, when transactions are to be withheld for the first time
 * @param options.onError told when a block could not be built; the next try follows
 */
export async function startDriver(
  options: {
    geth: Pick<Geth, "httpUrl" | "wsUrl" | "engineUrl" | "jwtSecret">;
    /** The rules of a block of a time (Unix seconds). */
    forkOf: (timestamp: number) => Fork;
    slots: SlotStore;
    faults: Faults;
    clock: Clock;
    startProducer: (chain: Rpc) => Promise<Producer>;
    onError: (error: unknown) => void;
  } & DriverSettings,
): Promise<ConsensusDriver> {
  const { slots, faults, clock, blockIntervalMs = 1000, eagerGapMs = 30, finalityDepth = 2 } = options;
  const engine = connectEngine(options.geth, options.forkOf);
  const rpc = connectRpc(options.geth.httpUrl);
  const oneAtATime = queue();

  let head = await recoverHead(rpc, slots, options.forkOf);
  /** Never goes back, though the head may. */
  let final = Math.max(0, head.number - finalityDepth);
  let offsetSeconds = Math.max(0, Number(head.timestamp) - wallSeconds(clock));
  let held = false;
  let wanted: "by and by" | "because of an arrival" | "now" = "by and by";
  let missed = 0;
  let builtAt = -Infinity;
  let begun = false;
  /** How many of the pool's transactions a build left there that was given all the time it may take: for their price or their fork, it seems. */
  let staying = 0;
  let producer: Producer | undefined;

  const chainSeconds = (): number => wallSeconds(clock) + offsetSeconds;
  const choiceOf = async (block: { number: number; hash: Hex }): Promise<ForkChoice> => ({
    head: block.hash,
    finalized: final === block.number ? block.hash : await hashOf(final),
  });
  const hashOf = async (number: number): Promise<Hex> =>
    slots.byBlockNumber(number)?.block.hash ??
    (await rpc<{ hash: Hex }>("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])).hash;

  await engine.choose(await choiceOf(head));
  const pool = await watchPool(
    { wsUrl: options.geth.wsUrl, rpc, clock },
    (hash) => void arrived(hash).catch(options.onError),
  );

  async function arrived(hash: Hex): Promise<void> {
    const rules = withheldNow();
    const transaction = rules.length > 0 ? await pool.find(hash) : undefined;
    if (transaction && rules.some((rule) => isAbout(rule, transaction))) return;
    wake("because of an arrival");
  }
  /** What was withheld may be let in now. */
  async function rulesChanged(): Promise<void> {
    if ((await pool.pending()).length > 0) wake("now");
  }
  function wake(when: "because of an arrival" | "now"): void {
    if (held) return;
    wanted = when;
    loop.trigger();
  }

  async function build(): Promise<Head> {
    const choice = await choiceOf(head);
    const attributes = {
      timestamp: Math.max(Number(head.timestamp) + 1, chainSeconds()),
      feeRecipient: FEE_RECIPIENT,
      parentBeaconRoot: head.slot.root,
    };
    const waiting = await pendingCount();
    const expected = pool.fresh() || waiting > staying;
    pool.startOver();
    const holds = waiting === 0 ? "empty" : expected ? "expected" : "maybe";
    const built = await withRulesObeyed(choice, attributes, holds);
    const left =
      holds === "empty" ? 0 : Math.max(0, (await pendingCount()) - built.executionPayload.transactions.length);
    staying = expected ? left : Math.min(staying, left);
    return adopt(built, head.slot);
  }

  /** Makes a block that was built on the one of slot `parent` the head. */
  async function adopt(built: BuiltBlock, parent: Slot): Promise<Head> {
    const payload = built.executionPayload;
    await engine.importBlock(importable(built, parent.root));
    const slot = slots.add({
      slot: slots.highest() + 1 + missed,
      parentRoot: parent.root,
      block: { number: Number(payload.blockNumber), hash: payload.blockHash, stateRoot: payload.stateRoot },
      fork: options.forkOf(Number(payload.timestamp)),
      blobs: built.blobsBundle,
    });
    missed = 0;
    const next = { ...slot.block, timestamp: blockTime(BigInt(payload.timestamp)), slot };
    final = Math.max(final, next.number - finalityDepth);
    await engine.choose(await choiceOf(next));
    head = next;
    builtAt = clock.now();
    pool.included(payload.transactions.map((raw) => keccak256(raw)));
    return head;
  }

  /** The block that geth builds by itself, or, where that would contain what is withheld, the producer's. */
  async function withRulesObeyed(
    choice: ForkChoice,
    attributes: Omit<BlockAttributes, "prevRandao">,
    holds: PoolGuess,
  ): Promise<BuiltBlock> {
    for (;;) {
      const rules = faults.on("chain");
      const divided = rules.length > 0 ? divide(await pool.pending(), withheldNow()) : { withheld: [], allowed: [] };
      const isDivided = divided.withheld.length > 0;
      const built = isDivided
        ? await produce(choice, attributes, divided.allowed)
        : await buildBlock(engine, choice, attributes, {
            pool: holds,
            holdsAny: async () => (await pendingCount()) > 0,
            clock,
            newRandao: randomRoot,
          });
      if (!(await containsWithheld(built))) {
        for (const { id, fault } of rules)
          if (divided.withheld.some((transaction) => isAbout(fault.match, transaction))) faults.count(id);
        return built;
      }
      // One that is to be withheld has arrived just now, or the rule has; what was handed over to the producer before stays in its pool.
      if (isDivided) await stopProducer();
    }
  }

  async function produce(
    choice: ForkChoice,
    attributes: Omit<BlockAttributes, "prevRandao">,
    allowed: readonly PooledTransaction[],
  ): Promise<BuiltBlock> {
    const raw = await Promise.all(allowed.map(({ hash }) => rpc<Hex | null>("eth_getRawTransactionByHash", [hash])));
    producer ??= await options.startProducer(rpc);
    return producer.build(
      choice,
      attributes,
      raw.filter((transaction) => transaction !== null),
      randomRoot,
    );
  }
  /** A new one's pool is empty. */
  async function stopProducer(): Promise<void> {
    await producer?.stop();
    producer = undefined;
  }
  const pendingCount = async (): Promise<number> => Number((await rpc<{ pending: Hex }>("txpool_status")).pending);

  async function reorganise(depth: number): Promise<Head> {
    const replaced = head;
    const ancestor = slots.byBlockNumber(replaced.number - depth);
    if (depth < 1 || ancestor === undefined || ancestor.block.number < final)
      throw new ReorganisationTooDeep(depth, replaced.number - final);
    const undone = await transactionsAfter(ancestor.block.number, replaced.number);
    const attributes = {
      // Its slot is later than those of the blocks it replaces, and so is its time.
      timestamp: Math.max(Number(replaced.timestamp) + 1, chainSeconds()),
      feeRecipient: FEE_RECIPIENT,
      parentBeaconRoot: ancestor.root,
    };
    await adopt(await emptyBlock(await choiceOf(ancestor.block), attributes), ancestor);
    await pool.returned(undone);
    while (head.number <= replaced.number) await build();
    return head;
  }

  /** A block on any block that is not final: geth builds on its head alone, so that this takes the producer, too. */
  async function emptyBlock(choice: ForkChoice, attributes: Omit<BlockAttributes, "prevRandao">): Promise<BuiltBlock> {
    for (;;) {
      producer ??= await options.startProducer(rpc);
      const built = await producer.buildEmpty(choice, attributes, randomRoot);
      if (built.executionPayload.transactions.length === 0) return built;
      await stopProducer(); // left over from what was handed over to it
    }
  }

  async function transactionsAfter(ancestor: number, last: number): Promise<Hex[]> {
    const numbers = Array.from({ length: last - ancestor }, (_, index) => ancestor + 1 + index);
    const blocks = await Promise.all(
      numbers.map((number) =>
        rpc<{ transactions: Hex[] }>("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]),
      ),
    );
    return blocks.flatMap(({ transactions }) => transactions);
  }

  /** The rules of this moment. */
  const withheldNow = () => faults.on("chain").map(({ fault }) => fault.match);
  async function containsWithheld(built: BuiltBlock): Promise<boolean> {
    const matches = withheldNow();
    if (matches.length === 0) return false;
    const inside = await Promise.all(built.executionPayload.transactions.map((raw) => pool.find(keccak256(raw))));
    return inside.some((transaction) => transaction && matches.some((match) => isAbout(match, transaction)));
  }

  // Until the first block's transactions are indexed, geth answers questions about a transaction it does not have with an error.
  if (head.number === 0) await build();
  while (!(await answersAboutTransactions(rpc))) await clock.sleep(10);

  const loop = startLoop({
    clock,
    pauseMs: blockIntervalMs,
    onError: options.onError,
    round: async (signal) => {
      const reason = wanted;
      wanted = "by and by";
      if (!begun) {
        begun = true; // the first block is due an interval from now
        return;
      }
      if (held) return;
      await clock.sleep(Math.max(0, builtAt + eagerGapMs - clock.now()), signal);
      await oneAtATime(async () => {
        // Somebody's `hold` or `mine` may have been quicker.
        if (signal.aborted || held || (reason === "because of an arrival" && !pool.fresh())) return;
        await build();
      });
    },
  });
  const stopListening = faults.onChange(() => void rulesChanged().catch(options.onError));

  return {
    head: () => head,
    finalized: () => final,
    now: () => blockTime(BigInt(chainSeconds())),
    mine: (blocks = 1) =>
      oneAtATime(async () => {
        for (let count = 0; count < blocks; count++) await build();
        return head;
      }),
    advance: (seconds) =>
      oneAtATime(() => {
        offsetSeconds += Math.max(0, Number(head.timestamp) - chainSeconds()) + seconds;
        return build();
      }),
    hold: async () => {
      held = true;
      await oneAtATime(async () => undefined);
    },
    release: () => {
      held = false;
      loop.trigger();
    },
    get held() {
      return held;
    },
    missSlots: (count) => void (missed += count),
    reorganise: (depth) => oneAtATime(() => reorganise(depth)),
    stop: async () => {
      stopListening();
      await loop.stop();
      await oneAtATime(async () => undefined);
      pool.close();
      await producer?.stop();
    },
  };
}

const wallSeconds = (clock: Clock): number => Math.floor(clock.now() / 1000);
const randomRoot = (): Hex => `0x${randomBytes(32).toString("hex")}`;

/** The node's head with its slot; a head that the store does not know gets one (the first block, or a store that was lost). */
async function recoverHead(rpc: Rpc, slots: SlotStore, forkOf: (timestamp: number) => Fork): Promise<Head> {
  const block = await rpc<Record<"number" | "hash" | "timestamp" | "stateRoot" | "parentBeaconBlockRoot", Hex>>(
    "eth_getBlockByNumber",
    ["latest", false],
  );
  const number = Number(block.number);
  slots.undoAbove(number);
  const slot =
    slots.byBlock(block.hash) ??
    slots.add({
      slot: slots.highest() + 1,
      parentRoot: number === 0 ? ZERO_ROOT : block.parentBeaconBlockRoot,
      block: { number, hash: block.hash, stateRoot: block.stateRoot },
      fork: forkOf(Number(block.timestamp)),
    });
  return { number, hash: block.hash, timestamp: blockTime(BigInt(block.timestamp)), slot };
}

const answersAboutTransactions = (rpc: Rpc): Promise<boolean> =>
  rpc("eth_getTransactionByHash", [ZERO_ROOT]).then(
    () => true,
    (error: unknown) => {
      if (error instanceof RpcRefused) return false;
      throw error;
    },
  );

/** Runs one task at a time, in the order they came. */
function queue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const mine = last.then(task, task);
    last = mine.catch(() => undefined);
    return mine;
  };
}
