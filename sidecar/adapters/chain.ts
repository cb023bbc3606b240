import { createPublicClient, encodeFunctionData, http, type Hex, type PublicClient } from "viem";
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
import { jobId, modelId, requestId, sessionId, type Address } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { ChainUnavailable } from "../failures.js";
import type { Chain, Node } from "../ports.js";
import { watchHeads } from "./heads.js";
import { nodeFor } from "./node.js";

export interface ChainOptions {
  readonly network: Network;
  readonly worker: Address;
  readonly settings: Settings["chain"];
  /** What the journal knows to have been sent; for `observe`. */
  readonly sent: () => readonly SentTx[];
  readonly clock: Clock;
  readonly log: Logger;
}
export interface ConnectedChain {
  readonly chain: Chain;
  readonly node: Node;
  readonly contracts: Contracts;
  close(): Promise<void>;
}

/** Checks the chain id and resolves the contracts, then offers both ports over one connection. @throws WrongChain, ContractMismatch, NodeUnreachable */
export async function connectChain(options: ChainOptions): Promise<ConnectedChain> {
  const { network, worker, settings, clock, log } = options;
  const client: PublicClient = createPublicClient({
    transport: http(network.endpoints.rpc, { batch: true, retryCount: 1, retryDelay: 200, timeout: 10_000 }),
    cacheTime: 0,
  });
  const contracts = await resolveContracts(client, network);
  const heads = watchHeads({ client, ws: network.endpoints.ws, pollMs: settings.pollMs, clock, log });
  return {
    chain: readsOf(client, contracts, heads, options),
    node: nodeFor(client, network.chainId, worker),
    contracts,
    close: () => heads.close(),
  };
}

function readsOf(
  client: PublicClient,
  contracts: Contracts,
  heads: ReturnType<typeof watchHeads>,
  { network, worker, settings, sent }: ChainOptions,
): Chain {
  const observer = createObserver({ client, contracts, chainId: network.chainId, worker });
  const call = async (what: string, to: Address, data: Hex): Promise<Hex> => {
    const { data: answer } = await asking(what, client.call({ to, data }));
    if (answer === undefined) throw new ChainUnavailable(what, new Error("there is no contract at that address"));
    return answer;
  };
  const sessions = (): Address => {
    if (contracts.sessionManager === null)
      throw new ChainUnavailable("sessions", new Error("this network has no SessionManager"));
    return contracts.sessionManager;
  };
  const registry = { address: contracts.workerRegistry, abi: workerRegistryAbi } as const;

  return {
    chainId: network.chainId,
    head: () => asking("the newest block", heads.read()),
    onHead: (listener) => heads.listen(listener),
    job: async (id) =>
      decodeJob(
        await call(
          `job ${id}`,
          contracts.jobRegistry,
          encodeFunctionData({ abi: jobRegistryAbi, functionName: "getJob", args: [id] }),
        ),
      ),
    session: async (id) =>
      decodeSession(
        await call(
          `session ${id}`,
          contracts.jobRegistry,
          encodeFunctionData({ abi: jobRegistryAbi, functionName: "getSession", args: [id] }),
        ),
      ),
    request: async (id) =>
      decodeRequest(
        await call(
          `request ${id}`,
          sessions(),
          encodeFunctionData({ abi: sessionManagerAbi, functionName: "getRequest", args: [id] }),
        ),
      ),
    requiredCapabilities: (id) =>
      orIfAbsent(
        0n,
        "required capabilities",
        client.readContract({
          address: sessions(),
          abi: sessionManagerAbi,
          functionName: "getRequiredCapabilities",
          args: [id],
        }),
      ),
    ownCapabilities: () =>
      orIfAbsent(
        0n,
        "own capabilities",
        client.readContract({ ...registry, functionName: "getWorkerCapabilities", args: [worker] }),
      ),
    eligibleNow: (id) =>
      asking(
        `eligibility for request ${id}`,
        client.readContract({
          address: sessions(),
          abi: sessionManagerAbi,
          functionName: "eligibleNow",
          args: [id, worker],
        }),
      ),
    requestsBetween: async (from, to) => {
      if (contracts.sessionManager === null) return [];
      const address = contracts.sessionManager;
      const logs = await inChunks(from, to, settings.logChunkBlocks, (fromBlock, toBlock) =>
        asking(
          "session requests",
          client.getContractEvents({
            address,
            abi: sessionManagerAbi,
            eventName: "SessionRequested",
            fromBlock,
            toBlock,
            strict: true,
          }),
        ),
      );
      return logs.map(({ args, blockNumber }) => ({
        request: requestId(args.reqId),
        model: modelId(args.modelId),
        block: blockNumber,
      }));
    },
    jobsBetween: async (from, to) => {
      const logs = await inChunks(from, to, settings.logChunkBlocks, (fromBlock, toBlock) =>
        asking(
          "submitted jobs",
          client.getContractEvents({
            address: contracts.jobRegistry,
            abi: jobRegistryAbi,
            eventName: "JobSubmitted",
            fromBlock,
            toBlock,
            strict: true,
          }),
        ),
      );
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
      const logs = await inChunks(first, submitBlock, settings.logChunkBlocks, (fromBlock, toBlock) =>
        asking(
          `earlier jobs of session ${session}`,
          client.getContractEvents({
            address: contracts.jobRegistry,
            abi: jobRegistryAbi,
            eventName: "JobSubmitted",
            args: { sessionId: session },
            fromBlock,
            toBlock,
            strict: true,
          }),
        ),
      );
      return logs
        .map(({ args }) => jobId(args.jobId))
        .filter((id) => id < before)
        .sort((a, b) => (a < b ? -1 : 1));
    },
    observe: (about) => observer.observe({ ...about, sent: sent() }),
  };
}

/** Log queries in pieces that public nodes accept, in order. */
async function inChunks<T>(
  from: bigint,
  to: bigint,
  size: number,
  query: (from: bigint, to: bigint) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = [];
  for (let start = from; start <= to; start += BigInt(size)) {
    const end = start + BigInt(size) - 1n;
    found.push(...(await query(start, end < to ? end : to)));
  }
  return found;
}

async function asking<T>(what: string, question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    throw new ChainUnavailable(what, error);
  }
}

/** For getters that older implementations lack: these revert without a reason, or answer nothing. */
async function orIfAbsent<T>(fallback: T, what: string, question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    if (revertOf(error) !== undefined || /returned no data|execution reverted/i.test(String(error))) return fallback;
    throw new ChainUnavailable(what, error);
  }
}
