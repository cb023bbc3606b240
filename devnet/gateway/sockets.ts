import type { IncomingMessage, Server } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../system/clock.js";
import { startLoop } from "../../system/loop.js";
import { concerns, delayOf, statusOf, whileHanging, type Faults } from "../faults.js";
import { LONGEST_MESSAGE_BYTES } from "./parts.js";

/** One path of a server on which WebSockets are taken. */
export interface SocketRoute {
  readonly path: string;
  /** What to do with the connection once it is open; `undefined` is answered with 401. */
  readonly admit: (request: IncomingMessage, url: URL) => Promise<((socket: WebSocket) => void) | undefined>;
}

/** How WebSockets are taken on a server. */
export interface SocketOptions {
  readonly server: Server;
  readonly routes: readonly SocketRoute[];
  readonly part: "gateway" | "relay";
  readonly faults: Faults;
  readonly clock: Clock;
  /** How often each connection is pinged, in ms; one that has not answered by the next ping is cut. */
  readonly pingMs: number;
}

/** Takes WebSockets until it is stopped, which cuts them all. */
export function takeSockets(options: SocketOptions): { stop(): Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: LONGEST_MESSAGE_BYTES });
  const answered = new WeakSet<WebSocket>();

  const upgrade = async (request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://relative");
    const route = options.routes.find(({ path }) => path === url.pathname);
    if (route === undefined) return refuse(stream, 404);
    if (!(await survivesFaults(options, route.path, stream))) return;
    const onOpen = await route.admit(request, url);
    if (onOpen === undefined) return refuse(stream, 401);
    sockets.handleUpgrade(request, stream, head, (socket) => {
      answered.add(socket);
      socket.on("pong", () => answered.add(socket));
      socket.on("error", () => undefined); // a broken connection also closes, which is what matters
      onOpen(socket);
    });
  };
  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    stream.on("error", () => stream.destroy());
    upgrade(request, stream, head).catch(() => refuse(stream, 500));
  };
  options.server.on("upgrade", onUpgrade);

  const pings = startLoop({
    clock: options.clock,
    pauseMs: options.pingMs,
    onError: () => undefined,
    round: async () => {
      for (const socket of sockets.clients) {
        if (!answered.delete(socket)) socket.terminate();
        else socket.ping();
      }
    },
  });
  return {
    stop: async () => {
      options.server.off("upgrade", onUpgrade);
      await pings.stop();
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

/** Lets an attempt to connect suffer its faults. @returns whether it goes on */
async function survivesFaults(options: SocketOptions, path: string, stream: Duplex): Promise<boolean> {
  const { faults, part, clock } = options;
  const active = faults.strike(part, (fault) => fault.kind !== "withhold" && concerns(fault, { method: "GET", path }));
  if (!active) return true;
  const gone = new AbortController();
  stream.once("close", () => gone.abort());
  switch (active.fault.kind) {
    case "drop":
      stream.destroy();
      return false;
    case "status":
      refuse(stream, statusOf(active.fault));
      return false;
    case "delay":
      await clock.sleep(delayOf(active.fault), gone.signal);
      break;
    case "hang":
      await whileHanging(active.over, gone.signal);
      break;
    case "withhold":
      break;
  }
  return !gone.signal.aborted;
}

function refuse(stream: Duplex, status: number): void {
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
