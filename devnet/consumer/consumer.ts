import { encodeFunctionData, parseEventLogs, type LocalAccount } from "viem";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { seal } from "../../protocol/envelope.js";
import { encodeConversation, encodeTextPrompt, type ConversationMessage } from "../../protocol/prompt.js";
import type { Network } from "../../schema/network.js";
import { chainSeconds, jobId, type Address, type ChainSeconds, type Hash, type JobId } from "../../schema/units.js";
import { systemClock, type Clock } from "../../system/clock.js";
import { readChain } from "./chain.js";
import { disputeJob, proveMismatch } from "./disputes.js";
import { openDispatchedSession, reassignSession } from "./dispatched-session.js";
import { createDispatcherClient, type DispatcherClient } from "./dispatcher-client.js";
import { DispatcherRefused } from "./errors.js";
import { createInbox, followJob, type Answer, type FollowOptions, type PendingJob } from "./follow.js";
import type { Kzg } from "../../system/kzg.js";
import { openSession, type ConsumerSession } from "./open-session.js";
import { listenToRelay } from "./relay-client.js";
import { createSender } from "./sender.js";

/** A text that joins the session's history, or a conversation that stands for itself. */
export type PromptInput = string | readonly ConversationMessage[];

/** Somebody who asks the network's workers, end to end: keys, blobs, payment, verification (consumer reference, paths A and B). */
export interface Consumer {
  readonly address: Address;
  /**
   * Opens a session with a worker for a model: drawn among those who claim, or named by the dispatcher, as the network's rules say at this moment.
   * @param options.expiresIn how long the request stays open for claims, or a free worker is waited for. Default: 600 s
   * @throws NoClaim (LF1030) · NoWorkerFree (LF1052), DispatcherRefused (LF1051) · WrongSession (LF1035), TransactionFailed (LF1034)
   */
  requestSession(model: string, options?: { expiresIn?: ChainSeconds }): Promise<ConsumerSession>;
  /** Sends a prompt and pays for it, and returns as soon as the job is on the chain. @throws TransactionFailed (LF1034), BlobError */
  submit(session: ConsumerSession, prompt: PromptInput): Promise<PendingJob>;
  /** Waits for the answer to a submitted prompt. @throws JobTimedOut (LF1031), AnswerMismatch (LF1032), AnswerUnavailable (LF1033) */
  follow(pending: PendingJob, options?: FollowOptions): Promise<Answer>;
  /** {@link submit} and {@link follow}. */
  ask(session: ConsumerSession, prompt: PromptInput, options?: FollowOptions): Promise<Answer>;
  /**
   * Brings a session to another worker after its worker missed a job, and that was claimed ({@link Consumer.claimTimeout}). Needs a dispatcher.
   * @throws DispatcherRefused (LF1051), WrongSession (LF1035), TransactionFailed (LF1034)
   */
  reassignSession(session: ConsumerSession): Promise<ConsumerSession>;
  /** Ends a session; its key is zeroed. @throws TransactionFailed (LF1034) */
  closeSession(session: ConsumerSession): Promise<Hash>;
  /** Takes the fee of an unanswered job back, after its deadline; ends a dispute that nobody ruled on, after its resolution timeout. @throws TransactionFailed (LF1034) */
  claimTimeout(job: JobId): Promise<Hash>;
  /** Says that an answer is wrong, with the bond that takes. @throws TransactionFailed (LF1034) */
  disputeJob(job: JobId): Promise<Hash>;
  /** Shows the contract that the worker signed another answer than it committed. @throws NoEvidence (LF1037), TransactionFailed (LF1034) */
  proveMismatch(pending: Pick<PendingJob, "jobId" | "inbox">): Promise<Hash>;
}

const DEFAULT_EXPIRES_IN = chainSeconds(600n);
/** How long a prompt waits for the relay before it is sent without one, in ms. */
const RELAY_PATIENCE_MS = 3_000;

/**
 * Makes a consumer.
 * @param options.account pays for everything; nobody else may send with it meanwhile
 * @throws ContractMismatch (LF1210), WrongChain (LF1211), NodeUnreachable (LF1212)
 */
export async function createConsumer(options: {
  network: Network;
  account: LocalAccount;
  kzg: Kzg;
  clock?: Clock;
}): Promise<Consumer> {
  const { network, account, kzg, clock = systemClock } = options;
  const chain = await readChain(network);
  const { jobRegistry } = chain.contracts;
  const sender = createSender(network, chain.client, account, kzg);
  const disputing = { chain, chainId: network.chainId, sender };
  const { relay: relayUrl, beacon: beaconUrl } = network.endpoints;
  const ports = { chain, chainId: network.chainId, jobRegistry, beaconUrl, kzg, clock };

  const opening = { user: account.address, chain, sender, clock };
  let client: DispatcherClient | undefined;
  const dispatcher = (): DispatcherClient => {
    const url = network.endpoints.dispatcher;
    if (url === undefined) throw new DispatcherRefused("is not known", `${network.name} names no endpoints.dispatcher`);
    return (client ??= createDispatcherClient(url, account));
  };

  const submit = async (session: ConsumerSession, prompt: PromptInput): Promise<PendingJob> => {
    const begun = clock.now();
    const inbox = createInbox();
    const relay =
      relayUrl === undefined
        ? null
        : listenToRelay({ relayUrl, session: session.id, account, clock, onFrame: inbox.put });
    const abandon = async (): Promise<void> => relay?.close();
    try {
      const plaintext = typeof prompt === "string" ? encodeTextPrompt(prompt) : encodeConversation(prompt);
      const blob = await sender.blob("publish the prompt", seal(session.key, plaintext));
      const blobMined = clock.now() - begun;
      await relay?.ready(RELAY_PATIENCE_MS);
      const { transactionHash, logs } = await sender.call(
        `submit a job to session ${session.id}`,
        jobRegistry,
        encodeFunctionData({ abi: jobRegistryAbi, functionName: "submitJob", args: [session.id, blob.versionedHash] }),
        await chain.fee(session.modelId),
      );
      const [submitted] = parseEventLogs({ abi: jobRegistryAbi, eventName: "JobSubmitted", logs });
      if (!submitted) throw new Error("the submission left no JobSubmitted event");
      return {
        jobId: jobId(submitted.args.jobId),
        session,
        transactions: { blob: blob.receipt.transactionHash, submit: transactionHash },
        timings: { blobMined, submitted: clock.now() - begun },
        begun,
        inbox,
        relay,
        abandon,
      };
    } catch (error) {
      await abandon();
      throw error;
    }
  };
  const follow = (pending: PendingJob, watch?: FollowOptions): Promise<Answer> => followJob(ports, pending, watch);
  return {
    address: account.address,
    requestSession: async (model, { expiresIn = DEFAULT_EXPIRES_IN } = {}) =>
      (await chain.isSortition())
        ? openSession(opening, model, expiresIn)
        : openDispatchedSession({ ...opening, dispatcher: dispatcher() }, model, expiresIn),
    reassignSession: async (failed) => reassignSession({ ...opening, dispatcher: dispatcher() }, failed),
    submit,
    follow,
    ask: async (session, prompt, watch) => follow(await submit(session, prompt), watch),
    closeSession: async (session) => {
      const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "closeSession", args: [session.id] });
      const receipt = await sender.call(`close session ${session.id}`, jobRegistry, data);
      session.key.fill(0);
      return receipt.transactionHash;
    },
    claimTimeout: async (job) => {
      const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "claimTimeout", args: [job] });
      return (await sender.call(`claim the timeout of job ${job}`, jobRegistry, data)).transactionHash;
    },
    disputeJob: (job) => disputeJob(disputing, job),
    proveMismatch: (pending) => proveMismatch(disputing, pending.jobId, pending.inbox.frames),
  };
}
