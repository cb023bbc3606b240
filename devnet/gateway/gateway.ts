import type { WebSocket } from "ws";
import { JOB_STREAM_PATH } from "../../protocol/job-stream.js";
import type { Address, SessionId } from "../../schema/units.js";
import { systemClock, type Clock } from "../../system/clock.js";
import { createLogger, type Logger } from "../../system/log.js";
import { startLoop } from "../../system/loop.js";
import { Faults } from "../faults.js";
import { serveOnLoopback } from "../loopback.js";
import { viewChain, type GatewayChain } from "./chain-view.js";
import { createChallenges } from "./challenges.js";
import { createJobQueue, type JobQueue } from "./job-queue.js";
import { giveJobs } from "./job-socket.js";
import { createRelay } from "./relay.js";
import { relayApp } from "./relay-app.js";
import { takeSockets, type SocketRoute } from "./sockets.js";
import { receiveFrames, RELAY_STREAM_PATH, sendFrames, sessionOfToken, WORKER_STREAM_PATH } from "./streams.js";
import { createTokens } from "./tokens.js";
import type { GatewayParts } from "./parts.js";
import { bearerOf, workerApp } from "./worker-app.js";
import { createWorkers, type WorkerHeartbeat } from "./workers.js";

/** How often it is looked whether a job is to be offered again, in ms. */
const PUMP_EVERY_MS = 250;

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
  /** What the dispatcher gives to workers over the job stream. */
  readonly jobs: JobQueue;
  /** Sends a text to whoever listens to a session, as the network's services do beside its worker. */
  notify(session: SessionId, text: string): void;
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
 * checked frames, the HTTP way for an answer, the job stream, and the relay to consumers. Source: sidecar reference §5.8.
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
    jobs: createJobQueue({
      now: () => clock.now(),
      onGivenUp: ({ jobId, worker }) => parts.log.warn({ worker, job: jobId.toString() }, "a job is offered no more"),
    }),
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

  const workerRoute = (path: string, onOpen: (socket: WebSocket, worker: Address) => void): SocketRoute => ({
    path,
    admit: async ({ headers }) => {
      const worker = await bearerOf(parts.tokens, headers.authorization);
      return worker && ((socket) => onOpen(socket, worker));
    },
  });
  const workerSockets = takeSockets({
    ...shared,
    server: gateway.server,
    part: "gateway",
    routes: [
      workerRoute(WORKER_STREAM_PATH, (socket, worker) => {
        streaming.push(worker);
        socket.once("close", () => streaming.splice(streaming.indexOf(worker), 1));
        receiveFrames(socket, worker, parts);
      }),
      workerRoute(JOB_STREAM_PATH, (socket, worker) => giveJobs(socket, worker, parts)),
    ],
  });
  const consumerSockets = takeSockets({
    ...shared,
    server: relay.server,
    part: "relay",
    routes: [
      {
        path: RELAY_STREAM_PATH,
        admit: async (_request, url) => {
          const session = await sessionOfToken(url, parts);
          return session && ((socket) => sendFrames(socket, session, parts));
        },
      },
    ],
  });
  const pumping = startLoop({
    round: async () => parts.jobs.pump(),
    pauseMs: PUMP_EVERY_MS,
    clock,
    onError: (error) => parts.log.error({ err: error }, "jobs could not be offered"),
  });
  return {
    url: `http://127.0.0.1:${gateway.port}`,
    relayUrl: `ws://127.0.0.1:${relay.port}${RELAY_STREAM_PATH}`,
    heartbeats: () => parts.workers.heartbeats(),
    drained: () => parts.workers.drained(),
    violations: (worker) => parts.workers.violations(worker),
    streaming: () => [...streaming],
    frames: (session) => parts.relay.frames(session),
    jobs: parts.jobs,
    notify: (session, text) => parts.relay.publish(session, text),
    stop: async () => {
      await Promise.all([pumping.stop(), workerSockets.stop(), consumerSockets.stop()]);
      await Promise.all([gateway.stop(), relay.stop()]);
    },
  };
}
