import WebSocket from "ws";
import { describeError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Login } from "./gateway-login.js";

const dialTimeoutMs = 15_000;
const writeTimeoutMs = 10_000;
const firstPauseMs = 1_000;
const longestPauseMs = 32_000;
/** A connection that ended sooner counts as a failed dial, so that a gateway that drops everybody is not hammered. */
const shortLifeMs = 1_000;
const pingEveryMs = 20_000;
/** Longest message that is taken, in bytes: a job's payload is far smaller. */
const longestMessageBytes = 1024 * 1024;

/** A WebSocket to the gateway that comes back by itself. */
export interface LastingSocket {
  /** Dials, and dials again whenever the connection is lost, until `close`. May be opened again after that. */
  open(): void;
  /** The connection; `undefined` while there is none. */
  readonly socket: WebSocket | undefined;
  /** Ends the connection and resolves when it is gone. */
  close(): Promise<void>;
}

/** Source of the connection rules: sidecar reference §5.4, §5.5. */
export function createLastingSocket(options: {
  /** `ws:` or `wss:` address. */
  url: string;
  /** What it is, in the log. */
  name: string;
  login: Login;
  clock: Clock;
  log: Logger;
  /** Called with each new connection, before anything comes in. */
  onOpen: (socket: WebSocket) => void;
  /** Called when a connection has ended. */
  onLost: () => void;
}): LastingSocket {
  const { name, login, clock, log, onOpen, onLost } = options;
  let closing = new AbortController();
  let socket: WebSocket | undefined;
  let running: Promise<void> | undefined;

  const stayConnected = async (closed: AbortSignal): Promise<void> => {
    let pauseMs = firstPauseMs;
    while (!closed.aborted) {
      const token = await login.token().catch((error: unknown) => {
        log.warn({ reason: describeError(error) }, `no token for the gateway's ${name}`);
        return undefined;
      });
      const dialled = token === undefined ? undefined : await dial(options, token);
      const bornMs = clock.now();
      if (dialled !== undefined && isOpen(closed)) {
        socket = dialled;
        log.info(`${name} connected`);
        onOpen(dialled);
        await endOf(dialled, closed);
        socket = undefined;
        onLost();
      }
      dialled?.terminate();
      if (dialled !== undefined && clock.now() - bornMs >= shortLifeMs) {
        pauseMs = firstPauseMs;
        continue;
      }
      await clock.sleep(pauseMs, closed);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  };

  return {
    open: () => {
      running ??= stayConnected(closing.signal);
    },
    get socket() {
      return socket;
    },
    close: async () => {
      closing.abort();
      await running;
      running = undefined;
      closing = new AbortController();
    },
  };
}

/** Asked anew each time: a signal changes while we wait. */
const isOpen = (closed: AbortSignal): boolean => !closed.aborted;

async function dial(
  { url, name, login, log }: Parameters<typeof createLastingSocket>[0],
  token: string,
): Promise<WebSocket | undefined> {
  const socket = new WebSocket(url, {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: dialTimeoutMs,
    perMessageDeflate: false,
    skipUTF8Validation: true, // what comes in is discarded, or parsed with care
    maxPayload: longestMessageBytes,
  });
  return new Promise((resolve) => {
    socket.once("open", () => resolve(socket));
    socket.once("unexpected-response", (request, response) => {
      if (response.statusCode === 401) login.forget(token);
      log.warn({ status: response.statusCode }, `the gateway refused the ${name}`);
      request.destroy();
      resolve(undefined);
    });
    socket.on("error", (error) => {
      log.debug({ reason: error.message }, `the gateway's ${name} failed`);
      resolve(undefined);
    });
  });
}

/** Resolves when the connection has ended, a ping went unanswered, or we close. */
function endOf(socket: WebSocket, closing: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let alive = true;
    const pinging = setInterval(() => {
      if (!alive) return socket.terminate();
      alive = false;
      socket.ping();
    }, pingEveryMs);
    const bye = (): void => socket.close(1000);
    closing.addEventListener("abort", bye, { once: true });
    const overdue = (): void => void setTimeout(() => socket.terminate(), 1_000).unref();
    closing.addEventListener("abort", overdue, { once: true });
    socket.on("pong", () => (alive = true));
    socket.on("message", () => (alive = true));
    socket.on("ping", () => (alive = true));
    socket.once("close", () => {
      clearInterval(pinging);
      closing.removeEventListener("abort", bye);
      closing.removeEventListener("abort", overdue);
      resolve();
    });
    if (socket.readyState === WebSocket.CLOSED) socket.emit("close");
  });
}

/** Writes one text message. Rejects when it was not handed to the connection in time. */
export function writeMessage(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const overdue = setTimeout(() => reject(new Error("a write took too long")), writeTimeoutMs);
    socket.send(text, (error) => {
      clearTimeout(overdue);
      if (error) reject(error);
      else resolve();
    });
  });
}
