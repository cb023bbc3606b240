import { encodeFunctionData, parseEventLogs } from "viem";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import { modelIdOf } from "../../protocol/model-id.js";
import { newSessionKey, wrapSessionKey } from "../../protocol/session-key.js";
import {
  requestId,
  sessionId,
  type Address,
  type ChainSeconds,
  type Hash,
  type Hex,
  type ModelId,
  type RequestId,
  type SessionId,
} from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { ConsumerChain } from "./chain.js";
import { NoClaim, WrongSession } from "./errors.js";
import type { ConsumerSender } from "./sender.js";
import { waitFor } from "./wait.js";

/** A session that is ready for prompts. */
export interface ConsumerSession {
  readonly id: SessionId;
  /** `null` where a dispatcher named the worker. */
  readonly requestId: RequestId | null;
  readonly model: string;
  readonly modelId: ModelId;
  /** Who serves it. */
  readonly worker: Address;
  /** The session key. Secret; zeroed when the session is closed. */
  readonly key: Uint8Array;
  /** What made it what it is, in order. */
  readonly transactions: readonly Hash[];
  /** Milliseconds since it was begun: asked for, a worker was found, ready for prompts. */
  readonly timings: { readonly requested: number; readonly claimed: number; readonly ready: number };
}

/** What opening a session needs. */
export interface SessionPorts {
  readonly user: Address;
  readonly chain: ConsumerChain;
  readonly sender: ConsumerSender;
  readonly clock: Clock;
}

/** How often the chain is asked whether something happened, in ms. */
const ASK_EVERY_MS = 250;

/**
 * Draws a worker for a model and shares a new session key with it (consumer reference §6, steps 2-6).
 *
 * @param model a name or an id
 * @param expiresIn how long the request stays open for claims, counted from the newest block's time
 * @throws NoClaim (LF1030), WrongSession (LF1035), TransactionFailed (LF1034), InvalidEncryptionKey
 */
export async function openSession(
  { user, chain, sender, clock }: SessionPorts,
  model: string,
  expiresIn: ChainSeconds,
): Promise<ConsumerSession> {
  const begun = clock.now();
  const since = (): number => clock.now() - begun;
  const modelId = modelIdOf(model);
  const manager = chain.contracts.sessionManager;
  if (manager === null) throw new Error("this network has no SessionManager: sessions are not drawn here");

  const expiry = (await chain.head()).time + expiresIn;
  const request = await sender.call(
    `request a session for ${model}`,
    manager,
    encodeFunctionData({ abi: sessionManagerAbi, functionName: "requestSession", args: [modelId, expiry] }),
  );
  const [requested] = parseEventLogs({ abi: sessionManagerAbi, eventName: "SessionRequested", logs: request.logs });
  if (!requested) throw new Error("the request left no SessionRequested event");
  const id = requestId(requested.args.reqId);
  const requestedAt = since();

  const worker = await waitFor(async () => claimed(chain, id, model, requestedAt), {
    clock,
    timeoutMs: Number(expiresIn) * 1000,
    everyMs: ASK_EVERY_MS,
  });
  if (worker === undefined) throw new NoClaim(id, model, since() - requestedAt);
  const claimedAt = since();

  const key = newSessionKey();
  const wrapped = await wrapFor(chain, worker, key);
  const provided = await sender.call(
    `provide the key of session request ${id}`,
    manager,
    // no second key: the rehearsal network has no disputer to wrap one for
    encodeFunctionData({ abi: sessionManagerAbi, functionName: "provideSessionKey", args: [id, wrapped, "0x"] }),
  );
  const [ready] = parseEventLogs({ abi: sessionManagerAbi, eventName: "SessionReady", logs: provided.logs });
  if (!ready) throw new Error("the key left no SessionReady event");
  const session = sessionId(ready.args.sessionId);
  await compareSession(chain, session, { user, modelId, worker, encWorkerKey: wrapped });
  return {
    id: session,
    requestId: id,
    model,
    modelId,
    worker,
    key,
    transactions: [request.transactionHash, provided.transactionHash],
    timings: { requested: requestedAt, claimed: claimedAt, ready: since() },
  };

  async function claimed(from: ConsumerChain, request: RequestId, name: string, askedAt: number) {
    const { worker: claimer, status } = await from.request(request);
    if (status === "Claimed") return claimer ?? undefined;
    if (status === "Expired" || (await from.head()).time > expiry) throw new NoClaim(request, name, since() - askedAt);
    return undefined;
  }
}

/** A session key wrapped for a worker, as the chain has the worker's public key. @throws InvalidEncryptionKey */
export async function wrapFor(chain: ConsumerChain, worker: Address, key: Uint8Array): Promise<Hex> {
  return `0x${Buffer.from(wrapSessionKey(key, await chain.encryptionKeyOf(worker))).toString("hex")}`;
}

/** The chain decides what a session is; a gateway or an API in between could have told anything. @throws WrongSession (LF1035) */
export async function compareSession(
  chain: ConsumerChain,
  id: SessionId,
  agreed: { user: Address; modelId: ModelId; worker: Address; encWorkerKey: Hex },
): Promise<void> {
  const session = await chain.session(id);
  for (const name of ["user", "modelId", "worker", "encWorkerKey"] as const)
    if (session[name] !== agreed[name])
      throw new WrongSession(id, `its ${name} is ${session[name]}, not ${agreed[name]}`);
  if (session.status !== "Active") throw new WrongSession(id, `it is ${session.status}`);
}
