import { encodeFunctionData, zeroHash, type LocalAccount } from "viem";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import type { Network } from "../../schema/network.js";
import type { Hash, JobId } from "../../schema/units.js";
import type { Kzg } from "../../system/kzg.js";
import { readChain } from "./chain.js";
import { disputeJob } from "./disputes.js";
import { createSender } from "./sender.js";

/** How a dispute ends. */
export interface Ruling {
  readonly guilty: boolean;
  /** How alike answer and re-execution are, in basis points. Default: 0 when guilty, else 10,000. */
  readonly similarityBps?: number;
  /** What the re-execution gave; published in a blob, which the ruling names. Default: no blob is named. */
  readonly reExecution?: Uint8Array;
}

/**
 * The network's disputer, with a key of its own (contracts reference §4.8). One that stays silent needs no method: after the resolution timeout anybody ends the
 * dispute by claiming the job's timeout.
 */
export interface Disputer {
  /** Disputes a job of its own accord, with a bond. @throws TransactionFailed (LF1034) */
  dispute(job: JobId): Promise<Hash>;
  /** Rules on a disputed job. @throws TransactionFailed (LF1034) */
  rule(job: JobId, ruling: Ruling): Promise<Hash>;
}

/**
 * @param options.account of `accounts.json`'s `disputer`; nobody else may send with it meanwhile
 * @throws ContractMismatch (LF1210), WrongChain (LF1211), NodeUnreachable (LF1212)
 */
export async function createDisputer(options: {
  network: Network;
  account: LocalAccount;
  kzg: Kzg;
}): Promise<Disputer> {
  const { network, account, kzg } = options;
  const chain = await readChain(network);
  const sender = createSender(network, chain.client, account, kzg);
  return {
    dispute: (job) => disputeJob({ chain, chainId: network.chainId, sender }, job),
    rule: async (job, { guilty, similarityBps = guilty ? 0 : 10_000, reExecution }) => {
      const published = reExecution && (await sender.blob(`publish the re-execution of job ${job}`, reExecution));
      const data = encodeFunctionData({
        abi: jobRegistryAbi,
        functionName: "resolveDispute",
        args: [job, guilty, published?.versionedHash ?? zeroHash, BigInt(similarityBps)],
      });
      return (await sender.call(`rule on job ${job}`, chain.contracts.jobRegistry, data)).transactionHash;
    },
  };
}
