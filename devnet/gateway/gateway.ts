import type { Address, SessionId } from "../../schema/units.js";
import { systemClock, type Clock } from "../../system/clock.js";
import { createLogger, type Logger } from "../../system/log.js";
import { Faults } from "../faults.js";
import { serveOnLoopback } from "../loopback.js";
import { viewChain, type GatewayChain } from "./chain-view.js";
import { createChallenges } from "./challenges.js";
import { createRelay } from "./relay.js";
import { relayApp } from "./relay-app.js";
import { takeSockets } from "./sockets.js";
import { receiveFrames, RELAY_STREAM_PATH, sendFrames, sessionOfToken, WORKER_STREAM_PATH } from "./streams.js";
import { createTokens } from "./tokens.js";
import type { GatewayParts } from "./parts.js";
import { bearerOf, workerApp } from "./worker-app.js";
import { createWorkers, type WorkerHeartbeat } from "./workers.js";

/** A running worker gateway with the relay behind it. */
export interface Gateway {
  /** For workers: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** For consumers: `ws://127.0.0.1:<port>/ws`; tokens come from `POST /token` on the same host (`relay-access.ts`). */
  readonly relayUrl: string;
  /** The last heartbeat of each worker. */
  heartbeats(): WorkerHeartbeat[];
  /** Workers that asked not to be chosen. */
  drained(): Address[];
  /** How many frames and answers of a worker were refused. */
  violations(worker: Address): number;
  /** Workers whose response stream is open now, one entry per connection. */
  streaming(): Address[];
  /** The frames of a session that reached the relay, word for word; the last 4096. */
  frames(session: SessionId): readonly string[];
  stop(): Promise<void>;
}

/** How a gateway is started. */
export interface GatewayOptions {
  readonly chain: GatewayChain;
  /**
   * Parts `gateway` and `relay` suffer them. A frame on an open WebSocket counts as a request of method `FRAME` with the path the socket was
   * opened on: `drop` cuts the connection, `withhold` loses the frame. Default: none
   */
  readonly faults?: Faults;
  readonly clock?: Clock;
  /** Default: warnings and worse on stderr. */
  readonly log?: Logger;
  /** How often connections are pinged, in ms. Default 15,000. */
  readonly pingMs?: number;
  /** Default: ones that are free. */
  readonly port?: number;
  readonly relayPort?: number;
}

/**
 * Starts what stands in for the network's worker gateway and relay: login against the WorkerRegistry, heartbeats, drain, the response stream with
 * checked frames, the HTTP way for an answer, and the relay to consumers. Source: sidecar reference §5.8.
 * @throws PortTaken (LF1021)
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const clock = options.clock ?? systemClock;
  const parts: GatewayParts = {
    chain: options.chain,
    view: viewChain(options.chain),
    challenges: createChallenges(clock),
    tokens: createTokens(clock),
    workers: createWorkers(clock),
    relay: createRelay(),
    faults: options.faults ?? new Faults(),
    clock,
    log: options.log ?? createLogger("gateway", { level: "warn" }),
  };
  const gateway = await serveOnLoopback(workerApp(parts), "gateway", options.port);
  const relay = await serveOnLoopback(relayApp(parts), "relay", options.relayPort).catch(async (error: unknown) => {
    await gateway.stop();
    throw error;
  });
  const streaming: Address[] = [];
  const shared = { faults: parts.faults, clock, pingMs: options.pingMs ?? 15_000 };

  const workerSockets = takeSockets({
    ...shared,
    server: gateway.server,
    part: "gateway",
    path: WORKER_STREAM_PATH,
    admit: (request) => bearerOf(parts.tokens, request.headers.authorization),
    onOpen: (socket, worker: Address) => {
      streaming.push(worker);
      socket.once("close", () => streaming.splice(streaming.indexOf(worker), 1));
      receiveFrames(socket, worker, parts);
    },
  });
  const consumerSockets = takeSockets({
    ...shared,
    server: relay.server,
    part: "relay",
    path: RELAY_STREAM_PATH,
    admit: (_request, url) => sessionOfToken(url, parts),
    onOpen: (socket, session: SessionId) => sendFrames(socket, session, parts),
  });
  return {
    url: `http://127.0.0.1:${gateway.port}`,
    relayUrl: `ws://127.0.0.1:${relay.port}${RELAY_STREAM_PATH}`,
    heartbeats: () => parts.workers.heartbeats(),
    drained: () => parts.workers.drained(),
    violations: (worker) => parts.workers.violations(worker),
    streaming: () => [...streaming],
    frames: (session) => parts.relay.frames(session),
    stop: async () => {
      await Promise.all([workerSockets.stop(), consumerSockets.stop()]);
      await Promise.all([gateway.stop(), relay.stop()]);
    },
  };
}
