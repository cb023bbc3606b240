import { encodeFunctionData, parseEventLogs, type TransactionReceipt } from "viem";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { isRevert } from "../../abi/revert.js";
import { modelIdOf } from "../../protocol/model-id.js";
import { newSessionKey } from "../../protocol/session-key.js";
import { sessionId, type Address, type ChainSeconds } from "../../schema/units.js";
import type { DispatcherClient } from "./dispatcher-client.js";
import { DispatcherRefused, NoWorkerFree, TransactionFailed, WrongSession } from "./errors.js";
import { compareSession, wrapFor, type ConsumerSession, type SessionPorts } from "./open-session.js";
import { waitFor } from "./wait.js";

/** What a session by the dispatcher's word needs. */
export interface DispatchedPorts extends SessionPorts {
  readonly dispatcher: DispatcherClient;
}

/** How often the dispatcher is asked again while it has no worker, in ms. */
const ASK_EVERY_MS = 1_000;

/**
 * Opens a session with a worker that the dispatcher chooses and vouches for (consumer reference §6, path B). A signature that was used up or came too late is asked for
 * anew, once.
 *
 * @param model a name or an id
 * @param patience how long to wait while no worker is free
 * @throws NoWorkerFree (LF1052), DispatcherRefused (LF1051), WrongSession (LF1035), TransactionFailed (LF1034), InvalidEncryptionKey
 */
export async function openDispatchedSession(
  ports: DispatchedPorts,
  model: string,
  patience: ChainSeconds,
): Promise<ConsumerSession> {
  const { user, chain, clock, dispatcher } = ports;
  const begun = clock.now();
  const since = (): number => clock.now() - begun;
  const modelId = modelIdOf(model);
  const key = newSessionKey();

  const attempt = async (): Promise<ConsumerSession> => {
    const options = { clock, timeoutMs: Number(patience) * 1_000, everyMs: ASK_EVERY_MS };
    const selected = await waitFor(() => dispatcher.select(modelId), options);
    if (selected === undefined) throw new NoWorkerFree(model, since());
    const claimed = since();
    const { worker, selectionId } = selected;
    const encWorkerKey = await wrapFor(chain, worker, key);
    const vouched = await dispatcher.prepare({ model: modelId, selectionId, encWorkerKey });
    const { logs, transactionHash } = await ports.sender.call(
      `create a session for ${model}`,
      chain.contracts.jobRegistry,
      encodeFunctionData({
        abi: jobRegistryAbi,
        functionName: "createSession",
        args: [modelId, vouched.worker, encWorkerKey, "0x", vouched.signature, vouched.expiry],
      }),
    );
    const [created] = parseEventLogs({ abi: jobRegistryAbi, eventName: "SessionCreated", logs });
    if (!created) throw new Error("the creation left no SessionCreated event");
    const id = sessionId(created.args.sessionId);
    await compareSession(chain, id, { user, modelId, worker, encWorkerKey });
    const timings = { requested: 0, claimed, ready: since() };
    return { id, requestId: null, model, modelId, worker, key, transactions: [transactionHash], timings };
  };
  return onceMore(attempt);
}

/**
 * Brings a session whose worker failed to another worker: the contract draws one, gets the same session key wrapped for it, and the session is open again with its
 * history (consumer reference §6, failover).
 *
 * @throws WrongSession (LF1035), DispatcherRefused (LF1051), TransactionFailed (LF1034): `MaxReassignmentsExceeded` and `NoAvailableWorker` say that a new session
 * is needed
 */
export async function reassignSession(ports: DispatchedPorts, session: ConsumerSession): Promise<ConsumerSession> {
  const { user, chain, sender, clock, dispatcher } = ports;
  const { id, key, modelId } = session;
  const { jobRegistry } = chain.contracts;
  const begun = clock.now();
  const transactions = [...session.transactions];
  const send = async (what: string, data: `0x${string}`): Promise<TransactionReceipt> => {
    const receipt = await sender.call(what, jobRegistry, data);
    transactions.push(receipt.transactionHash);
    return receipt;
  };

  const worker = await anotherWorker();
  const claimed = clock.now() - begun;
  const encWorkerKey = await wrapFor(chain, worker, key);
  await onceMore(async () => {
    const vouched = await dispatcher.prepareKey({ session: id, encWorkerKey });
    if (vouched.worker !== worker) throw new WrongSession(id, `the dispatcher vouches for ${vouched.worker}`);
    await send(
      `give session ${id} its new key`,
      encodeFunctionData({
        abi: jobRegistryAbi,
        functionName: "updateSessionKey",
        args: [id, encWorkerKey, "0x", vouched.signature, vouched.expiry],
      }),
    );
  });
  await compareSession(chain, id, { user, modelId, worker, encWorkerKey });
  return { ...session, worker, transactions, timings: { requested: 0, claimed, ready: clock.now() - begun } };

  /** Drawn now, or by an attempt before that did not come to its end. */
  async function anotherWorker(): Promise<Address> {
    const { status, worker: drawn } = await chain.session(id);
    if (status === "Reassigning" && drawn !== session.worker) return drawn;
    const { logs } = await send(
      `reassign session ${id}`,
      encodeFunctionData({ abi: jobRegistryAbi, functionName: "reassignSession", args: [id] }),
    );
    const [reassigned] = parseEventLogs({ abi: jobRegistryAbi, eventName: "SessionReassigned", logs });
    if (!reassigned) throw new Error("the reassignment left no SessionReassigned event");
    return reassigned.args.newWorker;
  }
}

const worthAsking = ["no_pending_selection", "selection_mismatch"];

/** Tries a second time when the dispatcher's word was not, or no longer, good. */
async function onceMore<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    const isStale =
      error instanceof TransactionFailed &&
      (isRevert(error.cause, "InvalidDispatcherSignature") || isRevert(error.cause, "SignatureExpired"));
    const isLost = error instanceof DispatcherRefused && worthAsking.includes(error.reason);
    if (!isStale && !isLost) throw error;
    return attempt();
  }
}
