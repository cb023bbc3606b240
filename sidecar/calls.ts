import { encodeFunctionData } from "viem";
import { jobRegistryAbi } from "../abi/job-registry.js";
import { sessionManagerAbi } from "../abi/session-manager.js";
import type { Call } from "../lifecycle/types.js";
import { wei, type Hash, type JobId, type RequestId } from "../schema/units.js";
import type { Parts } from "./parts.js";
import { purposesOf } from "./purposes.js";

/** The calls of a worker's daily work (contracts reference §3.6); none carries value. */
export interface DailyCalls {
  acknowledge(job: JobId): Call;
  complete(job: JobId, versionedHash: Hash, ciphertextHash: Hash): Call;
  /** `null` where the network has no SessionManager: it assigns workers itself. */
  claim(request: RequestId): Call | null;
}

/** The calls of one worker on its network. */
export function dailyCalls(parts: Pick<Parts, "ports" | "identity" | "contracts">): DailyCalls {
  const { jobRegistry, sessionManager } = parts.contracts;
  const purposes = purposesOf(parts);
  const value = wei(0n);
  return {
    acknowledge: (job) => ({
      purpose: purposes.acknowledge(job),
      to: jobRegistry,
      data: encodeFunctionData({ abi: jobRegistryAbi, functionName: "acknowledgeJob", args: [job] }),
      value,
    }),
    complete: (job, versionedHash, ciphertextHash) => ({
      purpose: purposes.complete(job),
      to: jobRegistry,
      data: encodeFunctionData({
        abi: jobRegistryAbi,
        functionName: "completeJob",
        args: [job, versionedHash, ciphertextHash],
      }),
      value,
    }),
    claim: (request) =>
      sessionManager === null
        ? null
        : {
            purpose: purposes.claim(request),
            to: sessionManager,
            data: encodeFunctionData({ abi: sessionManagerAbi, functionName: "claimSession", args: [request] }),
            value,
          },
  };
}
