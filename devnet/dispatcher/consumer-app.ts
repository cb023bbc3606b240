import { randomBytes } from "node:crypto";
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { LocalAccount } from "viem";
import { z } from "zod";
import { modelId, sessionId, type Address, type Hex, type ModelId } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { faultMiddleware, type Faults } from "../faults.js";
import type { Challenges } from "../gateway/challenges.js";
import type { Tokens } from "../gateway/tokens.js";
import { signerOf } from "../gateway/worker-app.js";
import type { DispatcherChain, DispatcherView } from "./chain.js";
import { ranked, type Candidate } from "./choose.js";
import { signTerms, type SignedTerms } from "./typed-data.js";

/** What the dispatcher's routes work with. */
export interface DispatcherParts {
  readonly chain: DispatcherChain;
  readonly view: DispatcherView;
  /** The key that AIConfig names. */
  readonly account: LocalAccount;
  readonly challenges: Challenges;
  readonly tokens: Tokens;
  /** Workers as the gateway knows them now. */
  readonly candidates: () => readonly Candidate[];
  /** A worker was given a session. */
  readonly chosen: (worker: Address) => void;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a signature, and a selection before it, is good for, in seconds of block time. */
export const TERMS_SECONDS = 600n;
/** A wrapped session key: 125 bytes (consumer reference §3). */
const WRAPPED_BYTES = 125;

type Env = { Variables: { user: Address } };
interface Selection {
  readonly id: string;
  readonly model: ModelId;
  readonly worker: Address;
  readonly expiry: bigint;
}

const signedChallenge = z.object({ message: z.string().max(1_000), signature: z.string().max(200) });
const modelIdSchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform(modelId);
const base64Key = (isOptional: boolean) =>
  z
    .base64()
    .transform((text) => Buffer.from(text, "base64"))
    .refine(({ length }) => length === WRAPPED_BYTES || (isOptional && length === 0), "not a wrapped key of 125 bytes")
    .transform((bytes): Hex => `0x${bytes.toString("hex")}`);
const keys = { encWorkerKey: base64Key(false), encDisputerKey: base64Key(true).default("0x") };
const selectSchema = z.object({ modelId: modelIdSchema, requiredCapabilities: z.array(z.string()).default([]) });
const prepareSchema = z.union([
  z.object({
    ...keys,
    sessionId: z
      .string()
      .regex(/^\d{1,78}$/)
      .transform((text) => sessionId(BigInt(text))),
  }),
  z.object({ ...keys, modelId: modelIdSchema, selectionId: z.string().optional() }),
]);

/**
 * The consumer API of a network in dispatcher mode, as far as a session needs it (consumer reference §7.1, §7.2 classic rows, §7.3). Ours, because the live one's
 * is not public: `prepare` with a `sessionId` instead of a model signs another key for a session that exists, which a reassignment ends with.
 */
export function consumerApp(parts: DispatcherParts): Hono<Env> {
  const app = new Hono<Env>();
  const selections = new Map<Address, Selection>();
  app.use(faultMiddleware(parts.faults, "dispatcher", parts.clock));
  app.use(bodyLimit({ maxSize: 64 * 1024 }));
  app.get("/api/auth/challenge", (context) => context.json(parts.challenges.give()));
  app.post("/api/auth/verify", async (context) => {
    const { message, signature } = signedChallenge.parse(await context.req.json());
    if (!parts.challenges.redeem(message)) return refuse(401, "unauthorized", "the challenge is unknown or over");
    const wallet = await signerOf(message, signature);
    if (wallet === undefined) return refuse(401, "unauthorized", "the signature is none");
    return context.json({ ...(await parts.tokens.issue("consumer", wallet)), wallet });
  });
  app.use("/api/*", async (context, next) => {
    const token = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1];
    const user = token === undefined ? undefined : await parts.tokens.subjectOf("consumer", token);
    if (user === undefined) return refuse(401, "unauthorized", "the token is missing, expired or not ours");
    context.set("user", user as Address);
    return next();
  });
  app.post("/api/sessions/select", (context) => select(context, parts, selections));
  app.post("/api/sessions/prepare", (context) => prepare(context, parts, selections));
  app.onError((error) => {
    if (error instanceof z.ZodError) return refuse(400, "bad_request", z.prettifyError(error));
    if (error instanceof SyntaxError) return refuse(400, "bad_request", "not JSON");
    parts.log.warn({ err: error }, "the chain could not be asked");
    return refuse(503, "unavailable", "the chain could not be asked");
  });
  return app;
}

async function select(context: Context<Env>, parts: DispatcherParts, selections: Map<Address, Selection>) {
  const { modelId: model, requiredCapabilities } = selectSchema.parse(await context.req.json());
  const { view } = parts;
  if (await view.isSortition()) return refuse(409, "sortition_enabled", "workers claim sessions on this network");
  for (const worker of ranked(parts.candidates(), model, requiredCapabilities)) {
    if (!(await view.isEligible(worker, model))) continue;
    const user = context.get("user");
    const [key, nonce, head] = await Promise.all([view.encryptionKeyOf(worker), view.nonceOf(user), view.head()]);
    const selection = { id: randomBytes(8).toString("hex"), model, worker, expiry: head.time + TERMS_SECONDS };
    selections.set(user, selection);
    parts.chosen(worker);
    return context.json({
      worker,
      workerEncryptionKey: Buffer.from(key.slice(2), "hex").toString("base64"),
      nonce: nonce.toString(),
      expiry: Number(selection.expiry),
      selectionId: selection.id,
    });
  }
  return refuse(503, "no_worker_available", "no worker is eligible, alive and free for this model");
}

async function prepare(context: Context<Env>, parts: DispatcherParts, selections: Map<Address, Selection>) {
  const body = prepareSchema.parse(await context.req.json());
  const { view } = parts;
  const user = context.get("user");
  const head = await view.head();
  const { encWorkerKey, encDisputerKey } = body;
  const sign = async (terms: Pick<SignedTerms, "subject" | "worker" | "expiry">) => {
    const nonce = await view.nonceOf(user);
    const signed = { ...terms, user, encWorkerKey, encDisputerKey, nonce };
    const signature = await signTerms(parts.account, parts.chain, signed);
    const { worker, expiry } = terms;
    return context.json({ worker, signature, nonce: nonce.toString(), expiry: Number(expiry) });
  };

  if ("sessionId" in body) {
    const session = await view.session(body.sessionId);
    if (session?.user !== user) return refuse(404, "unknown_session", "there is no such session of yours");
    return sign({
      subject: { sessionId: body.sessionId },
      worker: session.worker,
      expiry: head.time + TERMS_SECONDS,
    });
  }
  const selection = selections.get(user);
  if (selection === undefined || selection.expiry < head.time)
    return refuse(409, "no_pending_selection", "select a worker first");
  if (selection.model !== body.modelId || (body.selectionId ?? selection.id) !== selection.id)
    return refuse(409, "selection_mismatch", "another selection is pending");
  const { worker, expiry } = selection;
  selections.delete(user);
  return sign({ subject: { modelId: selection.model }, worker, expiry });
}

const refuse = (status: 400 | 401 | 404 | 409 | 503, error: string, message: string): Response =>
  Response.json({ error, message }, { status });
