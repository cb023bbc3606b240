import { correlationIdOf, encodeFrame, encodeResponseBody, type CompleteFrame } from "../../protocol/frames.js";
import { encodeHeartbeat } from "../../protocol/heartbeat.js";
import { JOB_STREAM_PATH } from "../../protocol/job-stream.js";
import type { Signer } from "../../keystore/store.js";
import { describeError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { retry } from "../../system/retry.js";
import { GatewayRefused } from "../errors.js";
import type { Gateway, JobStream } from "../ports.js";
import { askGateway, type GatewayRequest } from "./gateway-http.js";
import { createLogin, type Login } from "./gateway-login.js";
import { createJobStream } from "./job-stream.js";
import { createResponseStream } from "./gateway-stream.js";

/** How patiently an answer that the stream did not take is offered over HTTP: half a minute in all. */
const fallbackPolicy = { attempts: 6, pauseMs: 1_000, maxPauseMs: 16_000 };

/**
 * The network's worker gateway and the dispatcher's job stream on it, under one login. Source: sidecar reference §5; beyond it, a 401 leads to one new login.
 * @param options.url base address, `http:` or `https:`
 */
export function connectGateway(options: { url: string; signer: Signer; clock: Clock; log: Logger }): {
  gateway: Gateway;
  jobStream: JobStream;
} {
  const { signer, clock, log } = options;
  const url = options.url.replace(/\/$/, "");
  const place = { url, login: createLogin({ url, signer, clock }), clock, log };
  return {
    gateway: createGateway(place),
    jobStream: createJobStream({ ...place, url: webSocketUrl(url, JOB_STREAM_PATH) }),
  };
}

const webSocketUrl = (url: string, path: string): string => `${url.replace(/^http/, "ws")}${path}`;

/** An answer's end is kept until it was written or accepted. */
function createGateway(place: { url: string; login: Login; clock: Clock; log: Logger }): Gateway {
  const { url, login, clock, log } = place;
  const stream = createResponseStream({ ...place, url: webSocketUrl(url, "/api/stream/responses") });
  const ts = (): number => Math.floor(Date.now() / 1_000); // for whoever reads it: this machine's date, as far as it knows

  const post = async (path: GatewayRequest["path"], body?: string): Promise<void> => {
    const send = async (token: string): Promise<string> =>
      askGateway(url, { method: "POST", path, token, accept: [204], ...(body !== undefined && { body }) });
    const token = await login.token();
    try {
      await send(token);
    } catch (error) {
      if (!(error instanceof GatewayRefused && error.status === 401)) throw error;
      login.forget(token);
      await send(await login.token());
    }
  };

  return {
    login: async () => {
      await login.token();
    },
    heartbeat: async ({ activeJobs, maxJobs, models }) =>
      post("/api/heartbeat", encodeHeartbeat({ activeJobs, maxJobs, models, capabilities: [] })),
    drain: () => post("/api/worker/drain"),
    undrain: () => post("/api/worker/undrain"),
    open: () => stream.open(),
    offer: ({ type, kind, job, session, seq, payload }) => {
      const of = { jobId: job, sessionId: session, correlationId: correlationIdOf(session, job), ts: ts(), payload };
      const text = encodeFrame(type === "chunk" ? { ...of, type, kind: kind ?? "text", seq } : { ...of, type });
      if (!stream.offer(job, text)) log.debug({ job, seq }, "frame dropped: the stream's queue is full");
    },
    deliver: async ({ job, session, seq, payload, signature }) => {
      const frame: CompleteFrame = {
        type: "complete",
        jobId: job,
        sessionId: session,
        correlationId: correlationIdOf(session, job),
        ts: ts(),
        seq,
        payload,
        signature,
      };
      try {
        await stream.write(job, encodeFrame(frame));
        return;
      } catch (error) {
        log.info({ job, reason: describeError(error) }, "delivering the answer over HTTP");
      }
      stream.discard(job); // late chunks after the end would only confuse
      await retry(() => post(`/api/jobs/${job.toString()}/response`, encodeResponseBody(frame)), {
        policy: fallbackPolicy,
        clock,
        worthRetrying: (error) => !(error instanceof GatewayRefused),
      });
    },
    get connected() {
      return stream.connected;
    },
    close: () => stream.close(),
  };
}
