import { privateKeyToAccount } from "viem/accounts";
import type { Address, Hex } from "../../schema/units.js";
import { systemClock, type Clock } from "../../system/clock.js";
import { createLogger, type Logger } from "../../system/log.js";
import { startLoop } from "../../system/loop.js";
import { Faults } from "../faults.js";
import { createChallenges } from "../gateway/challenges.js";
import type { Gateway } from "../gateway/gateway.js";
import { createTokens } from "../gateway/tokens.js";
import { serveOnLoopback } from "../loopback.js";
import { viewForDispatcher, type DispatcherChain } from "./chain.js";
import type { Candidate } from "./choose.js";
import { consumerApp } from "./consumer-app.js";
import { watchJobs } from "./watch.js";

/** A running dispatcher. */
export interface Dispatcher {
  /** For consumers: `http://127.0.0.1:<port>`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** How a dispatcher is started. */
export interface DispatcherOptions {
  readonly chain: DispatcherChain;
  /** Of the account that AIConfig names. */
  readonly privateKey: Hex;
  /** Whose workers it chooses among, and whose job stream it gives jobs to. */
  readonly gateway: Gateway;
  /** Part `dispatcher` suffers them; the job stream is the gateway's. Default: none */
  readonly faults?: Faults;
  readonly clock?: Clock;
  /** Default: warnings and worse on stderr. */
  readonly log?: Logger;
  /** Default: one that is free. */
  readonly port?: number;
}

/** How often the chain is looked at, in ms. */
const LOOK_EVERY_MS = 250;

/**
 * Starts what stands in for the dispatcher of a network in dispatcher mode: it chooses workers for consumers and vouches for them with its signature, pushes
 * submitted jobs to their workers, and tells consumers what becomes of their sessions. While the network draws workers by sortition it does none of this.
 * @throws PortTaken (LF1021)
 */
export async function startDispatcher(options: DispatcherOptions): Promise<Dispatcher> {
  const { chain, gateway } = options;
  const clock = options.clock ?? systemClock;
  const log = options.log ?? createLogger("dispatcher", { level: "warn" });
  const view = viewForDispatcher(chain);
  const chosenMs = new Map<Address, number>();
  const app = consumerApp({
    ...{ chain, view, clock, log },
    account: privateKeyToAccount(options.privateKey),
    challenges: createChallenges(clock, "lightchain-rehearsal-consumer-auth"),
    tokens: createTokens(clock),
    candidates: () => candidatesOf(gateway, chosenMs),
    chosen: (worker) => chosenMs.set(worker, clock.now()),
    faults: options.faults ?? new Faults(),
  });
  const served = await serveOnLoopback(app, "dispatcher", options.port);
  const watch = watchJobs(view, gateway, clock);
  const watching = startLoop({
    round: () => watch.round(),
    pauseMs: LOOK_EVERY_MS,
    clock,
    onError: (error) => log.warn({ err: error }, "the chain could not be read; it is read again"),
  });
  return {
    url: `http://127.0.0.1:${served.port}`,
    stop: async () => {
      await Promise.all([watching.stop(), served.stop()]);
    },
  };
}

function candidatesOf(gateway: Gateway, chosenMs: ReadonlyMap<Address, number>): Candidate[] {
  const drained = gateway.drained();
  return gateway.heartbeats().map(({ worker, heartbeat, isStale }) => ({
    worker,
    models: heartbeat.models,
    capabilities: heartbeat.capabilities,
    isStale,
    isDraining: drained.includes(worker),
    free: Math.min(gateway.jobs.free(worker) ?? 0, heartbeat.maxJobs - heartbeat.activeJobs),
    chosenMs: chosenMs.get(worker) ?? 0,
  }));
}
