import type { RawData, WebSocket } from "ws";
import { FrameError, parseWorkerFrame } from "../../protocol/frames.js";
import { sessionId, type Address, type SessionId } from "../../schema/units.js";
import { objectionTo } from "./objection.js";
import { fateOfFrame } from "./frame-faults.js";
import type { GatewayParts } from "./parts.js";

/** Where workers send their frames. */
export const WORKER_STREAM_PATH = "/api/stream/responses";
/** Where consumers receive them. */
export const RELAY_STREAM_PATH = "/ws";

/** A connection is closed at this many frames that should not have been sent. */
const MOST_VIOLATIONS = 3;
const POLICY_VIOLATION = 1008;

/** Takes a worker's frames, one after another, and hands the good ones to the relay, unchanged. */
export function receiveFrames(socket: WebSocket, worker: Address, parts: GatewayParts): void {
  hearWorker(socket, { worker, path: WORKER_STREAM_PATH }, parts, async (text) => {
    const frame = parseWorkerFrame(text);
    const objection = await objectionTo(frame, worker, parts.chain);
    if (objection !== undefined) throw new FrameError(objection);
    parts.relay.publish(frame.sessionId, text);
  });
}

/**
 * Hands a worker's text messages to `take`, one after another, as faults let them through.
 * @param take throws FrameError on what should not have been sent; the third of these closes the connection
 */
export function hearWorker(
  socket: WebSocket,
  { worker, path }: { worker: Address; path: string },
  { faults, clock, log, workers }: GatewayParts,
  take: (text: string) => Promise<void> | void,
): void {
  let violations = 0;
  const violated = (reason: string): void => {
    violations += 1;
    workers.violation(worker);
    log.warn({ worker, reason, violations }, "frame refused");
    if (violations >= MOST_VIOLATIONS) socket.close(POLICY_VIOLATION, "too many violations");
  };
  inOrder(socket, async (data, isBinary, gone) => {
    if (violations >= MOST_VIOLATIONS) return;
    const fate = await fateOfFrame(faults, "gateway", path, clock, gone);
    if (fate === "cut") socket.terminate();
    if (fate !== "pass") return;
    if (isBinary) return violated("not a text message");
    try {
      await take(textOf(data));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      violated(error.message);
    }
  });
}

/** Sends a session's frames to a consumer: those kept, then each new one. What the consumer says is not listened to. */
export function sendFrames(socket: WebSocket, session: SessionId, parts: GatewayParts): void {
  const unsubscribe = parts.relay.subscribe(session, speaker(socket, "relay", RELAY_STREAM_PATH, parts));
  socket.once("close", unsubscribe);
}

/** Sends texts on a connection, one after another, as faults let them through. */
export function speaker(
  socket: WebSocket,
  part: "gateway" | "relay",
  path: string,
  { faults, clock }: Pick<GatewayParts, "faults" | "clock">,
): (text: string) => void {
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  let sending = Promise.resolve();
  const send = async (text: string): Promise<void> => {
    const fate = await fateOfFrame(faults, part, path, clock, gone.signal);
    if (fate === "cut") socket.terminate();
    else if (fate === "pass" && !gone.signal.aborted) socket.send(text);
  };
  return (text) => {
    sending = sending.then(() => send(text));
  };
}

/** The session that a relay token names. */
export async function sessionOfToken(url: URL, { tokens }: GatewayParts): Promise<SessionId | undefined> {
  const subject = await tokens.subjectOf("relay", url.searchParams.get("token") ?? "");
  return subject === undefined ? undefined : sessionId(BigInt(subject));
}

/** Handles messages one at a time, in the order they came; none after the connection is gone. */
function inOrder(
  socket: WebSocket,
  handle: (data: RawData, isBinary: boolean, gone: AbortSignal) => Promise<void>,
): void {
  const gone = new AbortController();
  let handling = Promise.resolve();
  socket.once("close", () => gone.abort());
  socket.on("message", (data, isBinary) => {
    handling = handling.then(() => handle(data, isBinary, gone.signal)).catch(() => socket.terminate());
  });
}

const textOf = (data: RawData): string =>
  (Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data)).toString("utf8");
