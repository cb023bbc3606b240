import { createPublicClient, encodeFunctionData, http, type PublicClient } from "viem";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { resolveContracts, type Contracts } from "../../abi/bootstrap.js";
import { decodeJob, decodeRequest, decodeSession, type Job, type Session, type SessionRequest } from "../../abi/job.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { revertOf } from "../../abi/revert.js";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { parsePublicKey, type EncryptionPublicKey } from "../../protocol/encryption-key.js";
import type { Network } from "../../schema/network.js";
import {
  blockTime,
  wei,
  type Address,
  type BlockTime,
  type Hex,
  type JobId,
  type ModelId,
  type RequestId,
  type SessionId,
  type Wei,
} from "../../schema/units.js";

/** What a consumer reads from the chain, with the contracts as the chain itself names them. */
export interface ConsumerChain {
  readonly client: PublicClient;
  readonly contracts: Contracts;
  /** Whether workers claim sessions; otherwise a dispatcher names them. It may change at any time. */
  isSortition(): Promise<boolean>;
  request(id: RequestId): Promise<SessionRequest>;
  session(id: SessionId): Promise<Session>;
  job(id: JobId): Promise<Job>;
  /** What a job of this model costs. */
  fee(model: ModelId): Promise<Wei>;
  /** @throws InvalidEncryptionKey when the worker has registered none */
  encryptionKeyOf(worker: Address): Promise<EncryptionPublicKey>;
  /** Number and time of the newest block. */
  head(): Promise<{ number: bigint; time: BlockTime }>;
}

/**
 * Finds the contracts and gets ready to ask them.
 * @throws ContractMismatch (LF1210), WrongChain (LF1211), NodeUnreachable (LF1212)
 */
export async function readChain(network: Network): Promise<ConsumerChain> {
  const client = createPublicClient({ transport: http(network.endpoints.rpc), pollingInterval: 100, cacheTime: 0 });
  const contracts = await resolveContracts(client, network);
  const { jobRegistry, aiConfig, workerRegistry, sessionManager } = contracts;
  const call = async (to: Address, data: Hex): Promise<Hex> => (await client.call({ to, data })).data ?? "0x";
  return {
    client,
    contracts,
    isSortition: async () => {
      if (sessionManager === null) return false;
      const get = { address: aiConfig, abi: aiConfigAbi, functionName: "getSortitionEnabled" } as const;
      return client.readContract(get).catch((error: unknown) => {
        if (revertOf(error) !== undefined) return false; // older than sortition
        throw error;
      });
    },
    request: async (id) => {
      if (sessionManager === null) throw new Error("this network has no SessionManager, and so no requests");
      const data = encodeFunctionData({ abi: sessionManagerAbi, functionName: "getRequest", args: [id] });
      return decodeRequest(await call(sessionManager, data));
    },
    session: async (id) => {
      const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "getSession", args: [id] });
      return decodeSession(await call(jobRegistry, data));
    },
    job: async (id) => {
      const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "getJob", args: [id] });
      return decodeJob(await call(jobRegistry, data));
    },
    fee: async (model) =>
      wei(
        await client.readContract({
          address: aiConfig,
          abi: aiConfigAbi,
          functionName: "calculateJobFee",
          args: [model],
        }),
      ),
    encryptionKeyOf: async (worker) => {
      const key = await client.readContract({
        address: workerRegistry,
        abi: workerRegistryAbi,
        functionName: "getWorkerEncryptionKey",
        args: [worker],
      });
      return parsePublicKey(Buffer.from(key.slice(2), "hex"));
    },
    head: async () => {
      const { number, timestamp } = await client.getBlock({ blockTag: "latest" });
      return { number, time: blockTime(timestamp) };
    },
  };
}
