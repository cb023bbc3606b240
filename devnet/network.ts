import { rm } from "node:fs/promises";
import type { Network } from "../schema/network.js";
import type { ModelName } from "../schema/units.js";
import { systemClock, type Clock } from "../system/clock.js";
import { ensureFolder } from "../system/files.js";
import { tryLock } from "../system/lock.js";
import { createLogger, type Logger } from "../system/log.js";
import { startChain, type Chain } from "./chain/chain.js";
import type { DriverSettings } from "./chain/driver.js";
import { osakaAfterIn, type Forks } from "./chain/genesis.js";
import { addresses } from "./contracts/addresses.js";
import type { ContractSettings } from "./contracts/settings.js";
import { controlApp } from "./control.js";
import {
  accountsSchema,
  filesIn,
  keep,
  portsSchema,
  readDocument,
  setupSchema,
  writeDocument,
  type Accounts,
  type Ports,
  type Running,
} from "./documents.js";
import { startDispatcher } from "./dispatcher/dispatcher.js";
import { DevnetRunning } from "./errors.js";
import { Faults } from "./faults.js";
import { firstState, newAccounts, setupCalls } from "./first-start.js";
import { startGateway, type Gateway } from "./gateway/gateway.js";
import { serveOnLoopback } from "./loopback.js";
import { requireMode, type NetworkMode } from "./mode.js";
import { tinyModels, type TinyModelText } from "./model/answers.js";
import { startModelRegistry, type ModelRegistry } from "./model/registry.js";
import { setUpContracts } from "./setup.js";

/** The chain id of rehearsal networks (consumer reference §2). */
export const DEVNET_CHAIN_ID = 48_221;

/** What a rehearsal network is started with. */
export interface DevnetOptions extends Forks {
  /** Its folder; one that was used before goes on with the chain, accounts and ports it holds. */
  readonly dir: string;
  /** Paths of the programs it needs. */
  readonly tools: { readonly geth: string };
  /** How sessions are given to workers; decided the first time. Default: as the folder has it, sortition in a new one. */
  readonly mode?: NetworkMode;
  /** How the contracts are set up the first time. Default: the published rules of the testnet, and every one of `models` at 0.02 LCAI a job. */
  readonly contracts?: Partial<Omit<ContractSettings, "owner">>;
  /** What the model registry serves. Default: the two tiny models of `model/answers.ts`. */
  readonly models?: readonly TinyModelText[];
  readonly blocks?: DriverSettings;
  /** Where compiled contracts are kept. Default: `node_modules/.cache/lightchain-fleet`. */
  readonly cacheFolder?: string;
  readonly clock?: Clock;
  /** Default: warnings and worse on stderr. */
  readonly log?: Logger;
  /** Somebody asked the control API to stop the network; whoever started it calls {@link Devnet.stop}. Default: it is stopped at once. */
  readonly onStopAsked?: () => void;
}

/** A rehearsal network that runs in this process (and geth beside it). */
export interface Devnet {
  readonly network: Network;
  /** Path of its `network.json`. */
  readonly networkFile: string;
  readonly accounts: Accounts;
  /** Its models, and what Ollama is asked to pull, with `insecure`, to get each. */
  readonly models: readonly { readonly name: ModelName; readonly pull: string }[];
  /** Base URL of the control API. */
  readonly controlUrl: string;
  /** Blocks and time: the control API's functions in this process. */
  readonly driver: Chain["driver"];
  readonly faults: Faults;
  readonly gateway: Gateway;
  readonly registry: ModelRegistry;
  /** Resolves when geth has ended without being asked to; says how. */
  readonly broken: Promise<string>;
  /** Stops every part and lets go of the folder. A second call waits for the first. */
  stop(): Promise<void>;
}

/**
 * Starts a rehearsal network: contracts and chain, beacon node, gateway and relay, dispatcher, model registry, control API. Writes `network.json`,
 * `accounts.json` and `devnet.json` into its folder; when it resolves, a worker can be brought up on it.
 * @throws DevnetRunning (LF1022), OtherMode (LF1050), OtherForks (LF1039), GethDidNotStart (LF1020), PortTaken (LF1021), SetUpFailed (LF1027),
 * CompilationFailed (LF1028)
 */
export async function startDevnet(options: DevnetOptions): Promise<Devnet> {
  const { dir, clock = systemClock, models: texts = tinyModels } = options;
  const log = options.log ?? createLogger("devnet", { level: "warn" });
  const files = filesIn(dir);
  await ensureFolder(dir, "private");
  const lock = tryLock(files.lock);
  if (!lock) throw new DevnetRunning(dir);
  const undo: (() => Promise<void> | void)[] = [() => lock.release()];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      for (const step of undo.reverse()) await step();
    })());

  try {
    const faults = new Faults();
    const accounts = await keep(files.accounts, accountsSchema, newAccounts);
    const wanted = { ...(options.mode && { sortition: options.mode === "sortition" }), ...options.contracts };
    const calls = await keep(files.setup, setupSchema, () => setupCalls(accounts, texts, wanted));
    requireMode(dir, calls, options.mode);
    const ports = await readDocument(files.ports, portsSchema);
    const chain = await startChain({
      geth: options.tools.geth,
      dir: files.chain,
      chainId: DEVNET_CHAIN_ID,
      alloc: () => firstState(accounts, options.cacheFolder),
      faults,
      clock,
      ...options.blocks,
      osakaAfter: osakaAfterIn(options),
      ...(ports ? { ports } : {}),
      onError: (error) => log.warn({ err: error }, "a block could not be built"),
    });
    undo.push(() => chain.stop());
    await setUpContracts(chain, accounts.owner.privateKey, calls);

    const registry = await startModelRegistry({ models: texts, faults, clock, ...portOf(ports?.registry) });
    undo.push(() => registry.stop());
    const { jobRegistry, workerRegistry, aiConfig, sessionManager } = addresses;
    const gateway = await startGateway({
      // The gateway has a node of its own, so to speak: faults of the public one are not its faults.
      chain: { rpcUrl: chain.geth.httpUrl, chainId: DEVNET_CHAIN_ID, jobRegistry, workerRegistry },
      faults,
      clock,
      log,
      ...portOf(ports?.gateway),
      ...(ports ? { relayPort: ports.relay } : {}),
    });
    undo.push(() => gateway.stop());
    const dispatcher = await startDispatcher({
      chain: { rpcUrl: chain.geth.httpUrl, chainId: DEVNET_CHAIN_ID, jobRegistry, workerRegistry, aiConfig },
      privateKey: (accounts.dispatcher ?? accounts.owner).privateKey,
      ...{ gateway, faults, clock, log },
      ...portOf(ports?.dispatcher),
    });
    undo.push(() => dispatcher.stop());
    const stopAsked = options.onStopAsked ?? (() => void stop());
    const panel = controlApp({ driver: chain.driver, faults, stop: stopAsked });
    const control = await serveOnLoopback(panel, "control API", ports?.control);
    undo.push(() => control.stop());

    const network: Network = {
      name: "devnet",
      chainId: DEVNET_CHAIN_ID,
      endpoints: {
        rpc: chain.rpcUrl,
        ws: chain.wsUrl,
        beacon: chain.beaconUrl,
        gateway: gateway.url,
        relay: gateway.relayUrl,
        dispatcher: dispatcher.url,
        modelRegistry: registry.url,
      },
      contracts: { workerRegistry, jobRegistry, aiConfig, sessionManager },
    };
    const models = texts.map(({ name }) => ({ name, pull: registry.pullName(name) }));
    const controlUrl = `http://127.0.0.1:${control.port}`;
    await writeDocument(files.ports, {
      ...chain.ports,
      gateway: portIn(gateway.url),
      relay: portIn(gateway.relayUrl),
      registry: portIn(registry.url),
      dispatcher: portIn(dispatcher.url),
      control: control.port,
    } satisfies Ports);
    await writeDocument(files.network, network);
    undo.push(() => rm(files.running, { force: true }));
    await writeDocument(files.running, { version: 1, pid: process.pid, control: controlUrl, models } satisfies Running);
    const { driver } = chain;
    const broken = chain.geth.ended;
    return {
      network,
      networkFile: files.network,
      accounts,
      models,
      controlUrl,
      driver,
      faults,
      gateway,
      registry,
      broken,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const portOf = (port: number | undefined) => (port === undefined ? {} : { port });
const portIn = (url: string): number => Number(new URL(url).port);
