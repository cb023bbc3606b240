import { pino } from "pino";
import { keccak256, toHex } from "viem";
import type { Call, PurposeId } from "../../../lifecycle/types.js";
import type { Settings } from "../../../schema/settings.js";
import { wei, type Hash } from "../../../schema/units.js";
import type { Journal } from "../../../sidecar/journal.js";
import { openJournal } from "../../../sidecar/journal/sqlite-journal.js";
import type { Node, Transactions } from "../../../sidecar/ports.js";
import { createTransactions } from "../../../sidecar/transactions/manager.js";
import { noFaults, SimulatedNode, type ForkPlan } from "../../simulation/account/node.js";
import { simulatedBlobs, simulatedSigner } from "../../simulation/account/signer.js";
import { createVirtualClock, type VirtualClock } from "../../simulation/virtual-clock.js";
import { identity } from "../journal/fixtures.js";
import { chainSettings } from "./settings.js";

/** A key's journal, node and transaction manager in virtual time, in which nothing goes wrong unless a test makes it. */
export interface World {
  readonly clock: VirtualClock;
  readonly node: SimulatedNode;
  readonly journal: Journal;
  readonly transactions: Transactions;
  /** What the manager broadcast, in order. */
  readonly broadcasts: Hash[];
  /** Drops the manager, as a crash would, and starts another one on the same journal. */
  restart(): Promise<Transactions>;
  /** Runs until the promise is settled. */
  settled<T>(promise: Promise<T>): Promise<T>;
  /** Runs until so many more blocks were made, and were looked at. */
  blocks(count: number): Promise<void>;
}

export function createWorld(
  options: { port?: (node: Node) => Node; settings?: Partial<Settings["chain"]>; fork?: ForkPlan } = {},
): World {
  const clock = createVirtualClock();
  const node = new SimulatedNode(clock, 1, noFaults, 2_000, false, options.fork);
  const journal = openJournal(":memory:", identity);
  const broadcasts: Hash[] = [];
  const start = (): Transactions => {
    const port = (options.port ?? ((same) => same))(node.port());
    return createTransactions({
      node: {
        ...port,
        broadcast: async (raw) => {
          const hash = await port.broadcast(raw);
          broadcasts.push(hash);
          return hash;
        },
      },
      signer: simulatedSigner(identity.worker),
      journal,
      blobs: simulatedBlobs,
      clock,
      settings: chainSettings({ replaceAfterMs: 8_000, ...options.settings }),
      log: pino({ level: "silent" }),
      finalDepth: 5n,
    });
  };
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    promise.then(end, end);
    await clock.runUntil(() => isOver, 600_000, "the promise settles");
    return promise;
  };
  const world = {
    clock,
    node,
    journal,
    transactions: start(),
    broadcasts,
    settled,
    restart: async () => {
      await settled(world.transactions.close());
      world.transactions = start();
      await settled(world.transactions.recover());
      return world.transactions;
    },
    blocks: async (count: number) => {
      const end = node.head + count;
      await clock.runUntil(() => node.head >= end, 600_000, `${count} more blocks`);
      await clock.run(1_500); // the manager's next look
    },
  };
  return world;
}

/** A call that the simulated chain tells from others by its data. */
export function callFor(name: string, fields: Partial<Call> = {}): Call {
  const purpose = `8200/${identity.worker}/${name}/g1` as PurposeId;
  return { purpose, to: identity.jobRegistry, data: keccak256(toHex(name)), value: wei(0n), ...fields };
}
