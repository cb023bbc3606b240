import type { WebSocket } from "ws";
import { FrameError } from "../../protocol/frames.js";
import { JOB_STREAM_PATH, parseJobReply } from "../../protocol/job-stream.js";
import type { Address } from "../../schema/units.js";
import type { GatewayParts } from "./parts.js";
import { hearWorker, speaker } from "./streams.js";

/** Gives a worker its jobs from the moment it says that it is ready, and hears what becomes of them. */
export function giveJobs(socket: WebSocket, worker: Address, parts: GatewayParts): void {
  const { jobs } = parts;
  const send = speaker(socket, "gateway", JOB_STREAM_PATH, parts);
  let leave = (): void => undefined;
  let isReady = false;
  socket.once("close", () => leave());
  hearWorker(socket, { worker, path: JOB_STREAM_PATH }, parts, (text) => {
    const reply = parseJobReply(text);
    if (reply === undefined) return;
    if (reply.type === "ready") {
      leave();
      leave = jobs.connect(worker, { slots: reply.slots, send });
      isReady = true;
      return;
    }
    if (!isReady) throw new FrameError(`${reply.type} before ready`);
    if (reply.type === "ack") jobs.acked(worker, reply.jobId);
    else jobs.done(worker, reply.jobId, reply.error);
  });
}
