import { keccak256 } from "viem";
import { createLogger } from "../../system/log.js";
import type { SignableTransaction, Signer } from "../../keystore/store.js";
import type { SettingsInput } from "../../schema/settings.js";
import { settingsSchema } from "../../schema/settings.js";
import { modelName, wei, type Hex } from "../../schema/units.js";
import { createChainTime } from "../../sidecar/chain-time.js";
import type { Journal } from "../../sidecar/journal.js";
import { JournalUnwritable } from "../../sidecar/journal/failures.js";
import { openJournal } from "../../sidecar/journal/sqlite-journal.js";
import { createMetrics, type Metrics } from "../../sidecar/metrics/metrics.js";
import type { Parts } from "../../sidecar/parts.js";
import { soleSigner } from "../../sidecar/sole-signer.js";
import { createSidecar, type Sidecar } from "../../sidecar/sidecar.js";
import { createSimulatedBlobs } from "./blobs.js";
import { chainId, createSimulatedChain } from "./chain.js";
import { createChance, type Chance } from "./chance.js";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.js";
import { createDispatcher, type Dispatcher } from "./dispatcher.js";
import { createGate, type Gate, type Moment } from "./gate.js";
import { createSimulatedGateway, newGatewaySeen, type GatewaySeen } from "./gateway.js";
import { createSimulatedInference, newModelBehaviour, type ModelBehaviour } from "./inference.js";
import { createSimulatedTransactions } from "./transactions.js";
import { contracts, createWorld, model, modelIdOfWorld, refundTo, worker, type World, lcai } from "./world.js";

/** One run of the sidecar's process. */
export interface Run {
  readonly sidecar: Sidecar;
  readonly gate: Gate;
  readonly metrics: Metrics;
  readonly alarms: string[];
  /** Settles when the start has; rejects with what refused it. */
  readonly started: Promise<void>;
}

/** A world, and a host on which a sidecar runs, dies and runs again. */
export interface Simulation {
  readonly clock: VirtualClock;
  readonly world: World;
  readonly behaviour: ModelBehaviour;
  readonly gateway: GatewaySeen;
  readonly dispatcher: Dispatcher;
  /** Every digest that was ever signed as a message. */
  readonly signed: Hex[];
  /** What is on the host's disk. */
  readonly journal: Journal;
  /** The host's disk itself: while it is full, nothing more goes into the journal. */
  readonly disk: { full: boolean };
  /** Another host's journal, with nothing in it. */
  emptyDisk(): Journal;
  /** Starts a process, which dies at the given moment. @param on default: the host's own journal */
  boot(options?: { readonly dieAt?: Moment; readonly epoch?: number; readonly on?: Journal }): Run;
}

export const encryptionKey: Hex = `0x04${"11".repeat(64)}`;
/** What `live` asks for. */
export const serving = (generation = 1) => ({
  generation,
  models: [modelIdOfWorld],
  stake: { kind: "minimum" as const, max: wei(1_000n * lcai) },
  gasReserve: wei(lcai),
});

const journalWrites = [
  "see",
  "advance",
  "claim",
  "recordSent",
  "settle",
  "moveCursor",
  "setServing",
  "setLeaving",
  "setLeft",
  "setRehearsal",
] as const satisfies readonly (keyof Journal)[];

const network = {
  name: "simulation",
  chainId,
  endpoints: { rpc: "http://127.0.0.1:1", beacon: "http://127.0.0.1:1", gateway: "http://127.0.0.1:1" },
  contracts: { workerRegistry: contracts.workerRegistry },
};
/** Short figures, so that little virtual time has to pass. */
export const settingsOf = (overrides: Partial<SettingsInput["jobs"]> = {}) =>
  settingsSchema.parse({
    worker: "sim",
    host: "sim-host",
    address: worker,
    network,
    models: [model],
    stateFolder: "/nowhere",
    jobs: { shutdownMs: 60_000, ...overrides },
    inference: { ollamaUrl: "http://127.0.0.1:1" },
    services: { lifecycleProbeMs: 5_000, releaseProbeMs: 20_000, releaseIntervalMs: 60_000, rehearsalTokens: 4 },
  });

export function createSimulation(options: { seed?: number; jobs?: Partial<SettingsInput["jobs"]> } = {}): Simulation {
  const clock = createVirtualClock();
  const chance: Chance = createChance(options.seed ?? 1);
  const world = createWorld(clock, chance);
  const behaviour = newModelBehaviour();
  const gateway = newGatewaySeen();
  const dispatcher = createDispatcher(world);
  const signed: Hex[] = [];
  const emptyDisk = (): Journal => openJournal(":memory:", { chainId, jobRegistry: contracts.jobRegistry, worker });
  const journal = emptyDisk();
  const disk = { full: false };
  const log = createLogger("sim", { level: process.env["SIM_LOG"] ?? "silent" });

  return {
    ...{ clock, world, behaviour, gateway, dispatcher, signed, journal, disk, emptyDisk },
    boot: ({ dieAt, epoch = 1, on = journal } = {}) => {
      const gate = createGate(dieAt ?? Infinity);
      const gatedJournal = gate.aroundSync("journal", onDisk(on, disk), journalWrites);
      const processClock = gate.clock(clock);
      const metrics = createMetrics();
      const alarms: string[] = [];
      const chain = createSimulatedChain(world, gatedJournal);
      const transactions = createSimulatedTransactions(world, gatedJournal, () =>
        signer.signTransaction({} as SignableTransaction),
      );
      const signer: Signer = soleSigner(
        {
          address: worker,
          signTransaction: async () => "0x00",
          signMessage: async (message: Uint8Array) => `0x${keccak256(message).slice(2).repeat(2)}1b` as Hex,
        },
        { use: () => transactions.useOfKey(), clock: processClock },
      );
      const parts: Parts = {
        ports: {
          chain: gate.around("chain", chain, { sync: ["onHead"] }),
          transactions: gate.around("transactions", transactions),
          blobs: gate.around("blobs", createSimulatedBlobs(world)),
          gateway: gate.around("gateway", createSimulatedGateway(world, gateway), { sync: ["open", "offer"] }),
          jobStream: gate.around(
            "jobStream",
            dispatcher.stream(() => !gate.dead),
            { sync: ["open", "onOffer", "ack", "done"] },
          ),
          inference: {
            models: () => gate.around("inference", createSimulatedInference(processClock, behaviour)).models(),
            answer: (...args) => createSimulatedInference(processClock, behaviour).answer(...args),
            usesGpu: () => createSimulatedInference(processClock, behaviour).usesGpu(),
          },
          signer: gate.around("signer", {
            ...signer,
            signMessage: async (message: Uint8Array) => {
              const signature = await signer.signMessage(message);
              signed.push(keccak256(message)); // it was let out
              return signature;
            },
          }),
          unwrap: (wrapped) => new Uint8Array(wrapped),
          alarm: { raise: (code) => void alarms.push(code) },
          random: (length) => chance.bytes(length),
        },
        journal: gatedJournal,
        settings: settingsOf(options.jobs),
        identity: {
          ...{ worker, host: "sim-host", epoch, refundTo, encryptionKey, bundle: "sim", toldToLeave: 0 },
        },
        contracts,
        clock: processClock,
        time: createChainTime(processClock),
        log,
        metrics,
      };
      world.listeners.clear(); // a dead process hears nothing
      const sidecar = createSidecar(parts);
      const started = sidecar.start();
      started.catch(() => undefined);
      return { sidecar, gate, metrics, alarms, started };
    },
  };
}

/** A journal on a disk that may be full. */
function onDisk(journal: Journal, disk: { readonly full: boolean }): Journal {
  let trouble: JournalUnwritable | null = null;
  return new Proxy(journal, {
    get: (target, key) => {
      if (key === "trouble") return trouble;
      if (key === "probe") return () => (trouble = disk.full ? trouble : null);
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      const method = (value as (...args: unknown[]) => unknown).bind(target);
      if (!journalWrites.some((name) => name === key)) return method;
      return (...args: unknown[]) => {
        if (!disk.full) return method(...args);
        throw (trouble = new JournalUnwritable("journal.sqlite", new Error("database or disk is full")));
      };
    },
  });
}

export const servedModel = modelName(model);
