import type WebSocket from "ws";
import type { JobId } from "../../schema/units.js";
import { describeError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Login } from "./gateway-login.js";
import { createLastingSocket, writeMessage } from "./gateway-socket.js";

/** Most frames that wait to be written; a chunk beyond them is dropped (sidecar reference §5.4). */
export const streamQueueFrames = 256;

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
  const { log } = options;
  let queue: Waiting[] = [];
  let pumping = false;

  const pump = async (to: WebSocket): Promise<void> => {
    if (pumping) return;
    pumping = true;
    try {
      for (let next = queue[0]; next !== undefined && lasting.socket === to; next = queue[0]) {
        await writeMessage(to, next.text);
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

  const lasting = createLastingSocket({
    ...options,
    name: "stream",
    onOpen: (socket) => void pump(socket),
    onLost: loseVital,
  });

  return {
    open: () => lasting.open(),
    offer: (job, text) => {
      if (queue.length >= streamQueueFrames) return false;
      queue.push({ job, text });
      if (lasting.socket !== undefined) void pump(lasting.socket);
      return true;
    },
    write: (job, text) =>
      new Promise((written, lost) => {
        const { socket } = lasting;
        if (socket === undefined) return lost(new Error("the stream is not connected"));
        if (queue.length >= streamQueueFrames) return lost(new Error("the stream's queue is full"));
        queue.push({ job, text, settle: { written, lost } });
        void pump(socket);
      }),
    discard: (job) => {
      queue = queue.filter((frame) => frame.job !== job || frame.settle !== undefined);
    },
    get connected() {
      return lasting.socket !== undefined;
    },
    close: async () => {
      await lasting.close();
      loseVital();
      queue = []; // chunks of then are of no use to whoever listens when it is opened again
    },
  };
}
