import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { impossible } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import { delayOf, statusOf, whileHanging, type Faults } from "../faults.js";
import { PortTaken } from "../errors.js";
import { isErrno } from "../../system/files.js";

/** The door to the node that everybody else uses: JSON-RPC over HTTP and WebSocket on one port, with faults in between. */
export interface RpcProxy {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Passes everything on to geth and back; while no `rpc` or `ws` fault is set, without looking at it.
 *
 * A `ws` fault `drop` also cuts, and `hang` freezes, the connections that are open already.
 * @param options.port Default: one that is free
 * @throws PortTaken (LF1021)
 */
export async function startRpcProxy(options: {
  target: { httpUrl: string };
  faults: Faults;
  clock: Clock;
  port?: number;
}): Promise<RpcProxy> {
  const { faults, clock } = options;
  const target = new URL(options.target.httpUrl);
  const tunnels = new Set<Tunnel>();

  const server = createServer((incoming, outgoing) => {
    void answer(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.on("upgrade", (incoming, socket, first) => {
    socket.on("error", () => undefined);
    void upgrade(incoming, socket, first).catch(() => socket.destroy());
  });

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (faults.on("rpc").length === 0) return forward(target, incoming, outgoing);
    const body = await bodyOf(incoming);
    const called = methodsIn(body);
    const active = faults.strike("rpc", ({ match }) => match?.method === undefined || called.includes(match.method));
    if (!active) return forward(target, incoming, outgoing, body);
    const { fault, over } = active;
    const gone = closed(outgoing);
    switch (fault.kind) {
      case "drop":
        incoming.socket.destroy();
        return;
      case "status":
        outgoing.writeHead(statusOf(fault), { "content-type": "text/plain" }).end("injected fault\n");
        return;
      case "delay":
        await clock.sleep(delayOf(fault), gone);
        break;
      case "hang":
        await whileHanging(over, gone);
        break;
      default:
        impossible(fault.kind);
    }
    if (!gone.aborted) forward(target, incoming, outgoing, body);
  }

  async function upgrade(incoming: IncomingMessage, socket: Duplex, first: Buffer): Promise<void> {
    const active = faults.strike("ws", () => true);
    if (active?.fault.kind === "drop") {
      socket.destroy();
      return;
    }
    if (active?.fault.kind === "delay") await clock.sleep(delayOf(active.fault));
    if (active?.fault.kind === "hang") await whileHanging(active.over, closed(socket));
    if (socket.destroyed) return;
    const tunnel = openTunnel(target, incoming, socket, first, () => tunnels.delete(tunnel));
    tunnels.add(tunnel);
  }

  const stopListening = faults.onChange(() => {
    const kinds = new Set(faults.on("ws").map(({ fault }) => fault.kind));
    for (const tunnel of tunnels) {
      if (kinds.has("drop")) tunnel.cut();
      else tunnel.freeze(kinds.has("hang"));
    }
  });

  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", (error) =>
      reject(isErrno(error, "EADDRINUSE") ? new PortTaken(options.port ?? 0, "RPC endpoint", error) : error),
    );
    server.listen(options.port ?? 0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        stopListening();
        for (const tunnel of tunnels) tunnel.cut();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sends a request on and its answer back. @param body when it has been read already */
function forward(target: URL, incoming: IncomingMessage, outgoing: ServerResponse, body?: Buffer): void {
  const onward = request(
    {
      host: target.hostname,
      port: target.port,
      method: incoming.method,
      path: incoming.url,
      headers: { ...incoming.headers, host: target.host },
    },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  onward.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502, { "content-type": "text/plain" }).end("the node does not answer\n");
  });
  outgoing.on("close", () => onward.destroy());
  if (body) onward.end(body);
  else incoming.pipe(onward);
}

interface Tunnel {
  cut(): void;
  freeze(frozen: boolean): void;
}

/** Connects a WebSocket client to the node, byte by byte. */
function openTunnel(target: URL, incoming: IncomingMessage, client: Duplex, first: Buffer, onEnd: () => void): Tunnel {
  const node: Socket = connect(Number(target.port), target.hostname);
  const cut = (): void => {
    client.destroy();
    node.destroy();
    onEnd();
  };
  node.on("error", cut).on("close", cut);
  client.on("error", cut).on("close", cut);
  const headers = Object.entries({ ...incoming.headers, host: target.host }).map(
    ([name, value]) => `${name}: ${String(value)}`,
  );
  node.write([`GET ${incoming.url ?? "/"} HTTP/1.1`, ...headers, "", ""].join("\r\n"));
  node.write(first);
  const flow = (): void => {
    node.pipe(client);
    client.pipe(node);
  };
  flow();
  return {
    cut,
    freeze: (frozen) => {
      node.unpipe(client);
      client.unpipe(node);
      if (frozen) {
        node.pause();
        client.pause();
      } else flow();
    },
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** The JSON-RPC methods of a request or a batch; none when it is not JSON-RPC. */
function methodsIn(body: Buffer): string[] {
  try {
    const parsed: unknown = JSON.parse(body.toString());
    return (Array.isArray(parsed) ? (parsed as unknown[]) : [parsed]).flatMap((call) =>
      typeof call === "object" && call !== null && "method" in call && typeof call.method === "string"
        ? [call.method]
        : [],
    );
  } catch {
    return [];
  }
}

/** Aborts when the other side has gone away. */
function closed(stream: Duplex | ServerResponse): AbortSignal {
  const controller = new AbortController();
  stream.once("close", () => controller.abort());
  return controller.signal;
}
