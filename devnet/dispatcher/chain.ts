import { createPublicClient, encodeFunctionData, http } from "viem";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { decodeJob, decodeSession, type Job, type Session } from "../../abi/job.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { revertOf } from "../../abi/revert.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import {
  jobId,
  sessionId,
  type Address,
  type Hex,
  type JobId,
  type ModelId,
  type SessionId,
} from "../../schema/units.js";

/** Where the dispatcher finds the chain. */
export interface DispatcherChain {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly jobRegistry: Address;
  readonly workerRegistry: Address;
  readonly aiConfig: Address;
}

/** What JobRegistry logged, in order. */
export type JobEvent =
  | { readonly name: "JobSubmitted"; readonly job: JobId; readonly session: SessionId; readonly block: bigint }
  | { readonly name: "JobTimedOut"; readonly job: JobId; readonly block: bigint }
  | {
      readonly name: "SessionReassigned";
      readonly session: SessionId;
      readonly worker: Address;
      readonly block: bigint;
    }
  | { readonly name: "SessionClosed"; readonly session: SessionId; readonly block: bigint };

/** What the dispatcher asks the chain. Everything rejects when the node cannot be asked. */
export interface DispatcherView {
  /** Whether workers claim sessions, so that there is nothing to dispatch. */
  isSortition(): Promise<boolean>;
  /** Whether a worker is registered, staked, not suspended and supports the model. */
  isEligible(worker: Address, model: ModelId): Promise<boolean>;
  encryptionKeyOf(worker: Address): Promise<Hex>;
  nonceOf(user: Address): Promise<bigint>;
  /** `undefined` where there is none of this id. */
  session(id: SessionId): Promise<Session | undefined>;
  job(id: JobId): Promise<Job>;
  /** Earlier jobs of a session, up to 50,000 blocks back, ascending (sidecar reference §3.3). */
  earlierJobs(session: SessionId, before: JobId, submitBlock: bigint): Promise<readonly JobId[]>;
  head(): Promise<{ readonly number: bigint; readonly time: bigint }>;
  /** Both blocks inclusive. */
  eventsBetween(from: bigint, to: bigint): Promise<readonly JobEvent[]>;
}

const HISTORY_BLOCKS = 50_000n;

/** Asks a node over HTTP. */
export function viewForDispatcher(chain: DispatcherChain): DispatcherView {
  const client = createPublicClient({ transport: http(chain.rpcUrl, { retryCount: 0, timeout: 5_000 }), cacheTime: 0 });
  const workers = { address: chain.workerRegistry, abi: workerRegistryAbi } as const;
  const jobs = { address: chain.jobRegistry, abi: jobRegistryAbi } as const;
  const bytes = async (data: Hex): Promise<Hex> => (await client.call({ to: chain.jobRegistry, data })).data ?? "0x";
  return {
    isSortition: () =>
      client.readContract({ address: chain.aiConfig, abi: aiConfigAbi, functionName: "getSortitionEnabled" }),
    isEligible: (worker, model) =>
      client.readContract({ ...workers, functionName: "isEligible", args: [worker, model] }),
    encryptionKeyOf: (worker) =>
      client.readContract({ ...workers, functionName: "getWorkerEncryptionKey", args: [worker] }),
    nonceOf: (user) => client.readContract({ ...jobs, functionName: "nonce", args: [user] }),
    session: async (id) => {
      try {
        return decodeSession(
          await bytes(encodeFunctionData({ abi: jobRegistryAbi, functionName: "getSession", args: [id] })),
        );
      } catch (error) {
        if (revertOf(error) === undefined) throw error;
        return undefined;
      }
    },
    job: async (id) =>
      decodeJob(await bytes(encodeFunctionData({ abi: jobRegistryAbi, functionName: "getJob", args: [id] }))),
    earlierJobs: async (session, before, submitBlock) => {
      const fromBlock = submitBlock > HISTORY_BLOCKS ? submitBlock - HISTORY_BLOCKS : 0n;
      const logs = await client.getContractEvents({
        ...jobs,
        eventName: "JobSubmitted",
        args: { sessionId: session },
        fromBlock,
        toBlock: submitBlock,
        strict: true,
      });
      const ids = logs.map(({ args }) => args.jobId).filter((id) => id < before);
      return ids.sort((a, b) => (a < b ? -1 : 1)).map(jobId);
    },
    head: async () => {
      const { number, timestamp } = await client.getBlock({ blockTag: "latest" });
      return { number, time: timestamp };
    },
    eventsBetween: async (fromBlock, toBlock) => {
      const logs = await client.getContractEvents({ ...jobs, fromBlock, toBlock, strict: true });
      return logs.flatMap((log): JobEvent[] => {
        const block = log.blockNumber;
        switch (log.eventName) {
          case "JobSubmitted":
            return [{ name: log.eventName, job: jobId(log.args.jobId), session: sessionId(log.args.sessionId), block }];
          case "JobTimedOut":
            return [{ name: log.eventName, job: jobId(log.args.jobId), block }];
          case "SessionReassigned": {
            const { sessionId: session, newWorker } = log.args;
            return [{ name: log.eventName, session: sessionId(session), worker: newWorker, block }];
          }
          case "SessionClosed":
            return [{ name: log.eventName, session: sessionId(log.args.sessionId), block }];
          default:
            return [];
        }
      });
    },
  };
}
