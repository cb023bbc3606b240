import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { recoverMessageAddress } from "viem";
import { z } from "zod";
import { encodeFrame, FrameError, parseResponseBody, type CompleteFrame } from "../../protocol/frames.js";
import { heartbeatSchema } from "../../protocol/heartbeat.js";
import { toContractSignature } from "../../protocol/signature.js";
import { jobId, type Address, type Hex } from "../../schema/units.js";
import { concerns, faultMiddleware } from "../faults.js";
import { objectionTo } from "./objection.js";
import { LONGEST_MESSAGE_BYTES, type GatewayParts } from "./parts.js";
import type { Tokens } from "./tokens.js";

type Env = { Variables: { worker: Address } };

/** The gateway's HTTP routes. Source: sidecar reference §5.1, §5.8. */
export function workerApp(parts: GatewayParts): Hono<Env> {
  const app = new Hono<Env>();
  app.use(faultMiddleware(parts.faults, "gateway", parts.clock));
  app.use(bodyLimit({ maxSize: LONGEST_MESSAGE_BYTES }));
  app.get("/api/auth/challenge", (context) => context.json(parts.challenges.give()));
  app.post("/api/auth/verify", (context) => logIn(context, parts));

  app.use("/api/*", async (context, next) => {
    const worker = await bearerOf(parts.tokens, context.req.header("authorization"));
    if (worker === undefined) return refuse(401, "the token is missing, expired or not ours");
    context.set("worker", worker);
    return next();
  });
  app.post("/api/heartbeat", async (context) => {
    const heartbeat = heartbeatSchema.safeParse(await bodyOf(context));
    if (!heartbeat.success) return refuse(400, z.prettifyError(heartbeat.error));
    parts.workers.beat(context.get("worker"), heartbeat.data);
    return context.body(null, 204);
  });
  app.post("/api/worker/drain", (context) => {
    parts.workers.drain(context.get("worker"));
    return context.body(null, 204);
  });
  app.post("/api/worker/undrain", (context) => {
    parts.workers.undrain(context.get("worker"));
    return context.body(null, 204);
  });
  app.post("/api/jobs/:jobId{[0-9]+}/response", (context) => takeResponse(context, parts));
  app.onError((error, context) => {
    parts.log.error({ err: error, path: context.req.path }, "gateway request failed");
    return refuse(500, "internal error");
  });
  return app;
}

/** The worker that an `Authorization` header's token names. */
export async function bearerOf(tokens: Tokens, header: string | undefined): Promise<Address | undefined> {
  const token = /^Bearer (\S+)$/.exec(header ?? "")?.[1];
  return token === undefined ? undefined : ((await tokens.subjectOf("worker", token)) as Address | undefined);
}

const signedChallenge = z.object({ message: z.string().max(1000), signature: z.string().max(200) });

async function logIn(context: Context, parts: GatewayParts): Promise<Response> {
  const body = signedChallenge.safeParse(await bodyOf(context));
  if (!body.success) return refuse(400, z.prettifyError(body.error));
  const { message, signature } = body.data;
  if (!parts.challenges.redeem(message)) return refuse(401, "the challenge is unknown, expired or was used before");
  const wallet = await signerOf(message, signature);
  if (wallet === undefined) return refuse(401, "the signature is not one of 65 bytes ending in 0, 1, 27 or 28");
  let isRegistered: boolean;
  try {
    isRegistered = await parts.view.isWorkerRegistered(wallet);
  } catch (error) {
    parts.log.warn({ err: error }, "the chain could not be asked for a registration");
    return refuse(503, "the chain could not be asked");
  }
  if (!isRegistered) return refuse(403, `${wallet} is not registered in WorkerRegistry ${parts.chain.workerRegistry}`);
  parts.log.info({ worker: wallet }, "worker logged in");
  return context.json({ ...(await parts.tokens.issue("worker", wallet)), wallet });
}

/** Who signed a text with personal_sign. */
export async function signerOf(message: string, signature: string): Promise<Address | undefined> {
  try {
    return await recoverMessageAddress({ message, signature: toContractSignature(signature as Hex) });
  } catch {
    return undefined;
  }
}

/** The HTTP way for an answer's end: relayed as the complete frame that it stands for. */
async function takeResponse(context: Context<Env>, parts: GatewayParts): Promise<Response> {
  const worker = context.get("worker");
  let frame: CompleteFrame;
  try {
    const job = jobId(BigInt(context.req.param("jobId") ?? ""));
    frame = parseResponseBody(await context.req.text(), job, Math.floor(parts.clock.now() / 1000));
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return refuse(400, error.message);
  }
  const objection = await objectionTo(frame, worker, parts.chain);
  if (objection !== undefined) {
    parts.log.warn({ worker, job: frame.jobId.toString(), objection }, "answer refused");
    parts.workers.violation(worker);
    return refuse(400, objection);
  }
  const request = { method: context.req.method, path: context.req.path };
  if (!parts.faults.strike("gateway", (fault) => fault.kind === "withhold" && concerns(fault, request)))
    parts.relay.publish(frame.sessionId, encodeFrame(frame));
  return context.body(null, 204);
}

async function bodyOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json();
  } catch {
    return undefined;
  }
}

const errorNames = {
  400: "bad_request",
  401: "unauthorized",
  403: "worker_not_registered",
  500: "internal",
  503: "unavailable",
};
const refuse = (status: keyof typeof errorNames, message: string): Response =>
  Response.json({ error: errorNames[status], message }, { status });
