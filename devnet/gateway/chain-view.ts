import { createPublicClient, encodeFunctionData, http, zeroAddress } from "viem";
import { decodeSession } from "../../abi/job.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { revertOf } from "../../abi/revert.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import type { Address, SessionId } from "../../schema/units.js";

/** Where the gateway finds the chain. */
export interface GatewayChain {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly jobRegistry: Address;
  readonly workerRegistry: Address;
}

/** What gateway and relay ask the chain. Both reject when the node cannot be asked. */
export interface ChainView {
  isWorkerRegistered(worker: Address): Promise<boolean>;
  /** Whose session it is; `undefined` where there is none of this id. */
  ownerOf(session: SessionId): Promise<Address | undefined>;
}

/** Asks a node over HTTP. */
export function viewChain(chain: GatewayChain): ChainView {
  const client = createPublicClient({ transport: http(chain.rpcUrl, { retryCount: 0, timeout: 5_000 }) });
  return {
    isWorkerRegistered: (worker) =>
      client.readContract({
        address: chain.workerRegistry,
        abi: workerRegistryAbi,
        functionName: "isWorkerRegistered",
        args: [worker],
      }),
    ownerOf: async (session) => {
      const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "getSession", args: [session] });
      try {
        const { data: answer } = await client.call({ to: chain.jobRegistry, data });
        const user = answer === undefined ? zeroAddress : decodeSession(answer).user;
        return user === zeroAddress ? undefined : user;
      } catch (error) {
        if (revertOf(error) === undefined) throw error;
        return undefined;
      }
    },
  };
}
