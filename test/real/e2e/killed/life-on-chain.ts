import { decodeFunctionData, type Hex } from "viem";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { sessionManagerAbi } from "../../../../abi/session-manager.js";
import { workerRegistryAbi } from "../../../../abi/worker-registry.js";
import type { Address } from "../../../../schema/units.js";
import type { Stage } from "../../../../scripts/rehearsal/stage.js";

/** What the chain shows of a worker's whole life. */
export interface Counts {
  /** Payments that reached the worker from the treasury. */
  readonly fundings: number;
  readonly registrations: number;
  /** What the worker's own key sent, in order: the function called, or what it was for. */
  readonly sent: readonly string[];
  readonly balance: bigint;
  readonly isRegistered: boolean;
}

/** What is on chain of a worker that came, had no job, and went: everything once. */
export const wholeLife: Counts = {
  fundings: 1,
  registrations: 1,
  sent: ["rehearsal", "registerWorker", "addSupportedModel", "setCapabilities", "deregisterWorker", "sweep"],
  balance: 0n,
  isRegistered: false,
};

/** Reads it from every block. */
export async function lifeOnChain(stage: Stage, worker: Address, treasury: Address): Promise<Counts> {
  const { client, contracts } = stage;
  const registered = client.getContractEvents({
    address: contracts.workerRegistry,
    abi: workerRegistryAbi,
    eventName: "WorkerRegistered",
    args: { worker },
    fromBlock: 0n,
  });
  const isRegistered = client.readContract({
    address: contracts.workerRegistry,
    abi: workerRegistryAbi,
    functionName: "isWorkerRegistered",
    args: [worker],
  });
  const mined = await everyTransaction(stage);
  return {
    fundings: mined.filter(({ from, to }) => isSame(from, treasury) && isSame(to, worker)).length,
    registrations: (await registered).length,
    sent: mined.filter(({ from }) => isSame(from, worker)).map(nameOf),
    balance: await client.getBalance({ address: worker }),
    isRegistered: await isRegistered,
  };
}

/** What the chain really took, block by block. */
async function everyTransaction({ client }: Stage) {
  const head = await client.getBlockNumber();
  const mined = [];
  for (let blockNumber = 0n; blockNumber <= head; blockNumber += 1n)
    mined.push(...(await client.getBlock({ blockNumber, includeTransactions: true })).transactions);
  return mined;
}
const isSame = (one: string | null, other: string): boolean => one?.toLowerCase() === other.toLowerCase();
function nameOf({ input, from, to }: { input: Hex; from: Address; to: Address | null }): string {
  if (input !== "0x")
    return decodeFunctionData({ abi: [...workerRegistryAbi, ...jobRegistryAbi, ...sessionManagerAbi], data: input })
      .functionName;
  return isSame(to, from) ? "rehearsal" : "sweep";
}
