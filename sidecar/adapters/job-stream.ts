import { FrameError } from "../../protocol/frames.js";
import { encodeJobReply, parseJobMessage, type JobStreamReply } from "../../protocol/job-stream.js";
import { describeError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { JobOffer, JobStream } from "../ports.js";
import type { Login } from "./gateway-login.js";
import { createLastingSocket, writeMessage } from "./gateway-socket.js";

/** The job stream over a WebSocket. Source: sidecar reference §5.5. A message that cannot be read is passed over: the chain tells of its job as well. */
export function createJobStream(options: {
  /** `ws:` or `wss:` address of the stream. */
  url: string;
  login: Login;
  clock: Clock;
  log: Logger;
}): JobStream {
  const { log } = options;
  const listeners = new Set<(offer: JobOffer) => void>();
  let slots = 0;

  const say = (reply: JobStreamReply): void => {
    const { socket } = lasting;
    if (socket === undefined) return;
    writeMessage(socket, encodeJobReply(reply)).catch((error: unknown) => {
      log.warn({ type: reply.type, reason: describeError(error) }, "writing to the job stream failed");
      socket.terminate();
    });
  };
  const hear = (text: string): void => {
    try {
      const message = parseJobMessage(text);
      if (message.type !== "job") return;
      const { jobId: job, sessionId: session, worker, priorJobIds: priorJobs } = message.payload;
      for (const listener of [...listeners]) listener({ job, session, worker, priorJobs });
    } catch (error) {
      if (error instanceof FrameError)
        log.warn({ reason: error.message }, "the job stream said something that is no job");
      else log.error({ err: error }, "an offered job could not be taken; the chain tells of it as well");
    }
  };
  const lasting = createLastingSocket({
    ...options,
    name: "job stream",
    onOpen: (socket) => {
      socket.on("message", (data: Buffer) => hear(data.toString("utf8"))); // `ws` hands over one Buffer by default
      say({ type: "ready", slots });
    },
    onLost: () => undefined,
  });
  return {
    open: (count) => {
      slots = count;
      lasting.open();
    },
    onOffer: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ack: (jobId) => say({ type: "ack", jobId }),
    done: (jobId, error) => say({ type: "done", jobId, error }),
    get connected() {
      return lasting.socket !== undefined;
    },
    close: () => lasting.close(),
  };
}
