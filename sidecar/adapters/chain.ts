import {
  createPublicClient,
  encodeFunctionData,
  http,
  type ContractEventArgs,
  type ContractEventName,
  type Hex,
  type PublicClient,
} from "viem";
import { resolveContracts, type Contracts } from "../../abi/bootstrap.js";
import { decodeJob, decodeRequest, decodeSession } from "../../abi/job.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { revertOf } from "../../abi/revert.js";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { createObserver } from "../../lifecycle/observe.js";
import type { SentTx } from "../../lifecycle/types.js";
import type { Network } from "../../schema/network.js";
import type { Settings } from "../../schema/settings.js";
import { blockTime, jobId, modelId, requestId, sessionId, type Address } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Chain, Node, OwnBlob } from "../ports.js";
import { asking, unavailable } from "./asking.js";
import { watchHeads, type Heads } from "./heads.js";
import { inChunks } from "./logs.js";
import { nodeFor } from "./node.js";

/** Which chain, and as whom. */
export interface ChainOptions {
  readonly network: Network;
  readonly worker: Address;
  readonly settings: Settings["chain"];
  /** What the journal knows to have been sent; for `observe`. */
  readonly sent: () => readonly SentTx[];
  readonly clock: Clock;
  readonly log: Logger;
}
/** A chain whose contracts were checked. */
export interface ConnectedChain {
  readonly chain: Chain;
  readonly node: Node;
  readonly contracts: Contracts;
  close(): Promise<void>;
}

/** Whole blocks that are asked for at a time. */
const blocksAtOnce = 8n;
/** Longest wait for one answer of the node, ms. */
const answerMs = 10_000;

/** Checks the chain id and resolves the contracts, then offers both ports over one connection. @throws WrongChain, ContractMismatch, NodeUnreachable */
export async function connectChain(options: ChainOptions): Promise<ConnectedChain> {
  const { network, worker, settings, clock, log } = options;
  const { rpc, ws } = network.endpoints;
  const client: PublicClient = createPublicClient({
    transport: http(rpc, { batch: true, retryCount: 1, retryDelay: 200, timeout: answerMs }),
    cacheTime: 0,
  });
  const broadcaster: PublicClient = createPublicClient({ transport: http(rpc, { retryCount: 0, timeout: answerMs }) });
  const contracts = await resolveContracts(client, network);
  const heads = watchHeads({ client, ws, pollMs: settings.pollMs, clock, log });
  return {
    chain: readsOf(client, contracts, heads, options),
    node: nodeFor(client, broadcaster, network.chainId, worker),
    contracts,
    close: () => heads.close(),
  };
}

function readsOf(client: PublicClient, contracts: Contracts, heads: Heads, options: ChainOptions): Chain {
  const { network, worker, settings, sent } = options;
  const { jobRegistry, workerRegistry } = contracts;
  const observer = createObserver({ client, contracts, chainId: network.chainId, worker });

  const call = async (what: string, to: Address, data: Hex): Promise<Hex> => {
    const { data: answer } = await asking(what, client.call({ to, data }));
    if (answer === undefined) throw unavailable(what, new Error("there is no contract at that address"));
    return answer;
  };
  const sessionManager = (): Address => {
    if (contracts.sessionManager !== null) return contracts.sessionManager;
    throw unavailable("session requests", new Error("this network has no SessionManager"));
  };
  const submittedJobs = (
    what: string,
    from: bigint,
    to: bigint,
    args?: ContractEventArgs<typeof jobRegistryAbi, JobSubmitted>,
  ) =>
    inChunks(what, { from, to, size: settings.logChunkBlocks }, (fromBlock, toBlock) =>
      client.getContractEvents({
        address: jobRegistry,
        abi: jobRegistryAbi,
        eventName: "JobSubmitted",
        ...(args ? { args } : {}),
        fromBlock,
        toBlock,
        strict: true,
      }),
    );

  return {
    chainId: network.chainId,
    head: () => heads.read(),
    onHead: (listener) => heads.listen(listener),
    get trouble() {
      return heads.trouble;
    },
    job: async (id) => {
      const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "getJob", args: [id] });
      return decodeJob(await call(`job ${id}`, jobRegistry, data));
    },
    session: async (id) => {
      const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "getSession", args: [id] });
      return decodeSession(await call(`session ${id}`, jobRegistry, data));
    },
    request: async (id) => {
      const data = encodeFunctionData({ abi: sessionManagerAbi, functionName: "getRequest", args: [id] });
      return decodeRequest(await call(`request ${id}`, sessionManager(), data));
    },
    requiredCapabilities: async (id) => {
      const get = { abi: sessionManagerAbi, functionName: "getRequiredCapabilities", args: [id] } as const;
      return orIfAbsent(0n, "required capabilities", client.readContract({ address: sessionManager(), ...get }));
    },
    ownCapabilities: () => {
      const get = { abi: workerRegistryAbi, functionName: "getWorkerCapabilities", args: [worker] } as const;
      return orIfAbsent(0n, "own capabilities", client.readContract({ address: workerRegistry, ...get }));
    },
    eligibleNow: async (id) => {
      const get = { abi: sessionManagerAbi, functionName: "eligibleNow", args: [id, worker] } as const;
      return asking(`eligibility for request ${id}`, client.readContract({ address: sessionManager(), ...get }));
    },
    requestsBetween: async (from, to) => {
      if (contracts.sessionManager === null) return [];
      const query = {
        address: contracts.sessionManager,
        abi: sessionManagerAbi,
        eventName: "SessionRequested",
      } as const;
      const logs = await inChunks(
        "session requests",
        { from, to, size: settings.logChunkBlocks },
        (fromBlock, toBlock) => client.getContractEvents({ ...query, fromBlock, toBlock, strict: true }),
      );
      return logs.map(({ args, blockNumber }) => ({
        request: requestId(args.reqId),
        model: modelId(args.modelId),
        block: blockNumber,
      }));
    },
    jobsBetween: async (from, to) => {
      const logs = await submittedJobs("submitted jobs", from, to);
      // The worker is not indexed (contracts reference §4.6): the node cannot pick ours out.
      return logs
        .filter(({ args }) => args.worker.toLowerCase() === worker.toLowerCase())
        .map(({ args, blockNumber }) => ({
          job: jobId(args.jobId),
          session: sessionId(args.sessionId),
          block: blockNumber,
        }));
    },
    earlierJobs: async (session, before, submitBlock) => {
      const lookback = BigInt(settings.historyLookbackBlocks);
      const first = submitBlock > lookback ? submitBlock - lookback : 0n;
      const logs = await submittedJobs(`earlier jobs of session ${session}`, first, submitBlock, {
        sessionId: session,
      });
      return [...new Set(logs.map(({ args }) => jobId(args.jobId)))]
        .filter((id) => id < before)
        .sort((a, b) => (a < b ? -1 : 1));
    },
    ownBlobs: async (from, to) => {
      const found: OwnBlob[] = [];
      for (let first = from; first <= to; first += blocksAtOnce) {
        const numbers = Array.from({ length: Number(blocksAtOnce) }, (_, at) => first + BigInt(at)).filter(
          (one) => one <= to,
        );
        const blocks = await asking(
          `blocks ${first} to ${numbers.at(-1) ?? first}`,
          Promise.all(numbers.map((blockNumber) => client.getBlock({ blockNumber, includeTransactions: true }))),
        );
        for (const { number, timestamp, transactions } of blocks)
          for (const { type, from: sender, to: receiver, blobVersionedHashes: hashes } of transactions) {
            const [hash, ...more] = hashes ?? [];
            const isOurs = [sender, receiver].every((one) => one?.toLowerCase() === worker.toLowerCase());
            if (type !== "eip4844" || !isOurs || hash === undefined || more.length > 0) continue;
            found.push({ hash, block: number, time: blockTime(timestamp) });
          }
      }
      return found;
    },
    completionBlock: async (job, from, to) => {
      const query = {
        address: jobRegistry,
        abi: jobRegistryAbi,
        eventName: "JobCompleted",
        args: { jobId: job },
      } as const;
      const logs = await inChunks(
        `the completion of job ${job}`,
        { from, to, size: settings.logChunkBlocks },
        (fromBlock, toBlock) => client.getContractEvents({ ...query, fromBlock, toBlock, strict: true }),
      );
      return logs.at(-1)?.blockNumber ?? null;
    },
    observe: (about) => observer.observe({ ...about, sent: sent() }),
  };
}

type JobSubmitted = Extract<ContractEventName<typeof jobRegistryAbi>, "JobSubmitted">;

/** For getters that older implementations lack: these revert without a reason, or answer nothing. */
async function orIfAbsent<T>(fallback: T, what: string, question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    if (revertOf(error) !== undefined || /returned no data|execution reverted/i.test(String(error))) return fallback;
    throw unavailable(what, error);
  }
}
