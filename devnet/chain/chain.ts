import { join } from "node:path";
import { systemClock, type Clock } from "../../system/clock.js";
import { ensureFolder, readIfPresent, writeAtomically } from "../../system/files.js";
import { OtherForks } from "../errors.js";
import type { Faults } from "../faults.js";
import { serveOnLoopback } from "../loopback.js";
import { beaconApp } from "./beacon.js";
import { startDriver, type ConsensusDriver, type DriverSettings } from "./driver.js";
import { chainGenesis, forkAt, osakaAfterOf, type Genesis, type GenesisAlloc } from "./genesis.js";
import { startGeth, type Geth } from "./geth.js";
import { startProducer } from "./producer.js";
import { startRpcProxy } from "./rpc-proxy.js";
import { SlotStore } from "./slots.js";

/** What a chain is started with. */
export interface ChainOptions extends DriverSettings {
  /** Path of the geth program. */
  readonly geth: string;
  /** Folder of the chain. One that was used before goes on with the chain it holds; its blobs of the last 5,120 slots too. */
  readonly dir: string;
  readonly chainId: number;
  /** First state, on top of the system contracts. Asked for only when the folder has no chain yet. */
  readonly alloc: () => Promise<GenesisAlloc>;
  readonly faults: Faults;
  /**
   * Seconds after its first block from which it follows Osaka's rules: 0 is from the start, `null` never. Default: what the folder's chain was made
   * with; never, for a new one.
   */
  readonly osakaAfter?: number | null | undefined;
  /** Ports of the endpoints. Default: ones that are free. */
  readonly ports?: { readonly rpc?: number; readonly beacon?: number };
  readonly clock?: Clock;
  /** Told when a block could not be built. */
  readonly onError: (error: unknown) => void;
}

/** A chain that runs: geth, the driver that makes its blocks, and the beacon node. */
export interface Chain {
  /** JSON-RPC over HTTP, through the proxy that can have faults. */
  readonly rpcUrl: string;
  /** JSON-RPC over WebSocket, through the same proxy. */
  readonly wsUrl: string;
  readonly beaconUrl: string;
  readonly ports: { readonly rpc: number; readonly beacon: number };
  readonly driver: ConsensusDriver;
  readonly geth: Geth;
  /** Stops everything, in an order that keeps the chain's head. */
  stop(): Promise<void>;
}

/** Starts a chain, or the one that the folder holds again. @throws GethDidNotStart (LF1020), PortTaken (LF1021), OtherForks (LF1039) */
export async function startChain(options: ChainOptions): Promise<Chain> {
  const { dir, faults, clock = systemClock } = options;
  await ensureFolder(dir, "private");
  const genesis = await genesisOf(options, clock);
  const started: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let undo = started.pop(); undo; undo = started.pop()) await undo();
  };
  try {
    const geth = await startGeth({ program: options.geth, dir: join(dir, "node"), genesis });
    started.push(() => geth.stop());
    const slots = new SlotStore(join(dir, "slots.sqlite"));
    started.push(async () => slots.close());
    const driver = await startDriver({
      ...options,
      geth,
      forkOf: (timestamp) => forkAt(genesis, timestamp),
      slots,
      clock,
      startProducer: (chain) =>
        startProducer({ program: options.geth, dir: join(dir, "producer"), genesis, chain, clock }),
    });
    started.push(() => driver.stop());
    const proxy = await startRpcProxy({ target: geth, faults, clock, ...portOf(options.ports?.rpc) });
    started.push(() => proxy.stop());
    const facts = {
      chainId: options.chainId,
      genesisTime: Number(genesis.timestamp),
      secondsPerSlot: Math.max(1, Math.round((options.blockIntervalMs ?? 1000) / 1000)),
    };
    const app = beaconApp(facts, slots, faults, () => driver.finalized());
    const beacon = await serveOnLoopback(app, "beacon node", options.ports?.beacon);
    started.push(() => beacon.stop());
    return {
      rpcUrl: `http://127.0.0.1:${proxy.port}`,
      wsUrl: `ws://127.0.0.1:${proxy.port}`,
      beaconUrl: `http://127.0.0.1:${beacon.port}`,
      ports: { rpc: proxy.port, beacon: beacon.port },
      driver,
      geth,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The genesis that the folder's chain was made with; made and kept at the first start. */
async function genesisOf(options: ChainOptions, clock: Clock): Promise<Genesis> {
  const { dir, chainId, osakaAfter } = options;
  const known = await keptGenesis(dir, osakaAfter);
  if (known !== undefined) return known;
  const timestamp = Math.floor(clock.now() / 1000);
  const genesis = chainGenesis({ chainId, osakaAfter: osakaAfter ?? null, timestamp, alloc: await options.alloc() });
  await writeAtomically(join(dir, "genesis.json"), JSON.stringify(genesis), "private");
  return genesis;
}

/**
 * The genesis of the chain that a folder holds; `undefined` when it holds none.
 * @param osakaAfter when Osaka's rules are to begin; `undefined` leaves it to the folder
 * @throws OtherForks (LF1039)
 */
export async function keptGenesis(dir: string, osakaAfter: number | null | undefined): Promise<Genesis | undefined> {
  const text = await readIfPresent(join(dir, "genesis.json"));
  if (text === undefined) return undefined;
  const genesis = JSON.parse(text) as Genesis;
  const kept = osakaAfterOf(genesis);
  if (osakaAfter !== undefined && osakaAfter !== kept) throw new OtherForks(dir, kept, osakaAfter);
  return genesis;
}

const portOf = (port: number | undefined) => (port === undefined ? {} : { port });
