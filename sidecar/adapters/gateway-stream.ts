import WebSocket from "ws";
import type { JobId } from "../../schema/units.js";
import { describeError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Login } from "./gateway-login.js";

/** Most frames that wait to be written; a chunk beyond them is dropped (sidecar reference §5.4). */
export const streamQueueFrames = 256;
const dialTimeoutMs = 15_000;
const writeTimeoutMs = 10_000;
const firstPauseMs = 1_000;
const longestPauseMs = 32_000;
/** A connection that ended sooner counts as a failed dial, so that a gateway that drops everybody is not hammered. */
const shortLifeMs = 1_000;
const pingEveryMs = 20_000;

/** The stream of answers from the worker to its gateway. */
export interface ResponseStream {
  /** Dials, and dials again whenever the connection is lost, until `close`. */
  open(): void;
  /** Queues a frame that may be lost. @returns false when the queue was full and it was dropped */
  offer(job: JobId, text: string): boolean;
  /** Queues a frame that may not be lost. Rejects when it was not written: not connected, no room, or the connection broke first. */
  write(job: JobId, text: string): Promise<void>;
  /** Takes a job's waiting frames out of the queue. */
  discard(job: JobId): void;
  readonly connected: boolean;
  close(): Promise<void>;
}

interface Waiting {
  readonly job: JobId;
  readonly text: string;
  readonly settle?: { readonly written: () => void; readonly lost: (reason: Error) => void };
}

/** Source of the connection rules: sidecar reference §5.4. A frame whose write failed is written again on the next connection. */
export function createResponseStream(options: {
  /** `ws:` or `wss:` address of the stream. */
  url: string;
  login: Login;
  clock: Clock;
  log: Logger;
}): ResponseStream {
  const { url, login, clock, log } = options;
  let closing = new AbortController();
  let queue: Waiting[] = [];
  let socket: WebSocket | undefined;
  let pumping = false;
  let running: Promise<void> | undefined;

  const pump = async (to: WebSocket): Promise<void> => {
    if (pumping) return;
    pumping = true;
    try {
      for (let next = queue[0]; next !== undefined && socket === to; next = queue[0]) {
        await writeFrame(to, next.text);
        queue = queue.filter((frame) => frame !== next);
        next.settle?.written();
      }
    } catch (error) {
      log.warn({ reason: describeError(error) }, "writing to the gateway's stream failed");
      to.terminate();
    } finally {
      pumping = false;
    }
  };
  const loseVital = (): void => {
    const vital = queue.filter((frame) => frame.settle !== undefined);
    queue = queue.filter((frame) => frame.settle === undefined);
    for (const frame of vital) frame.settle?.lost(new Error("the stream broke before the frame was written"));
  };

  const stayConnected = async (closed: AbortSignal): Promise<void> => {
    let pauseMs = firstPauseMs;
    while (!closed.aborted) {
      const token = await login.token().catch((error: unknown) => {
        log.warn({ reason: describeError(error) }, "no token for the gateway's stream");
        return undefined;
      });
      const dialled = token === undefined ? undefined : await dial(url, token, login, log);
      const bornMs = clock.now();
      if (dialled !== undefined && isOpen(closed)) {
        socket = dialled;
        log.info("stream connected");
        void pump(dialled);
        await endOf(dialled, closed);
        socket = undefined;
        loseVital();
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
    offer: (job, text) => {
      if (queue.length >= streamQueueFrames) return false;
      queue.push({ job, text });
      if (socket !== undefined) void pump(socket);
      return true;
    },
    write: (job, text) =>
      new Promise((written, lost) => {
        if (socket === undefined) return lost(new Error("the stream is not connected"));
        if (queue.length >= streamQueueFrames) return lost(new Error("the stream's queue is full"));
        queue.push({ job, text, settle: { written, lost } });
        void pump(socket);
      }),
    discard: (job) => {
      queue = queue.filter((frame) => frame.job !== job || frame.settle !== undefined);
    },
    get connected() {
      return socket !== undefined;
    },
    close: async () => {
      closing.abort();
      await running;
      loseVital();
      running = undefined;
      closing = new AbortController(); // may be opened again
    },
  };
}

/** Asked anew each time: a signal changes while we wait. */
const isOpen = (closed: AbortSignal): boolean => !closed.aborted;

async function dial(url: string, token: string, login: Login, log: Logger): Promise<WebSocket | undefined> {
  const socket = new WebSocket(url, {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: dialTimeoutMs,
    perMessageDeflate: false,
    skipUTF8Validation: true, // what comes in is discarded
  });
  return new Promise((resolve) => {
    socket.once("open", () => resolve(socket));
    socket.once("unexpected-response", (request, response) => {
      if (response.statusCode === 401) login.forget(token);
      log.warn({ status: response.statusCode }, "the gateway refused the stream");
      request.destroy();
      resolve(undefined);
    });
    socket.on("error", (error) => {
      log.debug({ reason: error.message }, "the gateway's stream failed");
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

function writeFrame(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const overdue = setTimeout(() => reject(new Error("a write took too long")), writeTimeoutMs);
    socket.send(text, (error) => {
      clearTimeout(overdue);
      if (error) reject(error);
      else resolve();
    });
  });
}
