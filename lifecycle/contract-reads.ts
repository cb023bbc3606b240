import { BaseError, ContractFunctionZeroDataError, encodeFunctionData, parseEther, type PublicClient } from "viem";
import { aiConfigAbi } from "../abi/ai-config.js";
import type { Contracts } from "../abi/bootstrap.js";
import { decodeJob, decodeSession, type Job, type Session } from "../abi/job.js";
import { jobRegistryAbi } from "../abi/job-registry.js";
import { isRevert, revertOf } from "../abi/revert.js";
import { workerRegistryAbi } from "../abi/worker-registry.js";
import { blockTime, chainSeconds, wei, type Address, type BlockTime, type Hex, type JobId } from "../schema/units.js";
import { type ModelId, type SessionId, type Wei } from "../schema/units.js";
import { answered } from "./node.js";
import type { ChainRules, ModelStanding, Registration } from "./types.js";

/** The contracts as they were at one block. Every question rejects with NodeSilent (LF1238) when it is not answered. */
export interface ContractReads {
  rules(models: readonly ModelId[]): Promise<ChainRules>;
  isRegistered(worker: Address): Promise<boolean>;
  /** Of a worker that is registered. */
  registration(worker: Address, models: readonly ModelId[]): Promise<Registration>;
  earnings(worker: Address): Promise<Wei>;
  /** `null`: there is none. A reorganisation may have taken it back. */
  session(id: SessionId): Promise<Session | null>;
  /** `null`: there is none. */
  job(id: JobId): Promise<Job | null>;
  /** Whether a job submitted to the session now would revert with exactly `SessionNotActive`. */
  refusesJobs(id: SessionId, session: Session, fee: Wei): Promise<boolean>;
  /** Since when, or from when on, `settleStuckJob` by this account works; `null` when the contract does not say, or has no such function. */
  noFaultAt(id: JobId, by: Address, now: BlockTime): Promise<BlockTime | null>;
}

/** Reads at block `at`. All questions of a moment go out together, so that a batching transport makes one request of them. */
export function contractReads(client: PublicClient, contracts: Contracts, at: bigint): ContractReads {
  const workers = { abi: workerRegistryAbi, address: contracts.workerRegistry, blockNumber: at } as const;
  const jobs = { abi: jobRegistryAbi, address: contracts.jobRegistry, blockNumber: at } as const;
  const config = { abi: aiConfigAbi, address: contracts.aiConfig, blockNumber: at } as const;
  /** What JobRegistry holds; `null` when it says that there is no such thing. */
  const recordOf = async (
    absent: "SessionNotFound" | "JobNotFound",
    question: Parameters<typeof encodeFunctionData<typeof jobRegistryAbi>>[0],
  ): Promise<Hex | null> => {
    const data = encodeFunctionData(question);
    const asking = client.call({ to: contracts.jobRegistry, data, blockNumber: at });
    return answered(
      asking.then(
        (answer) => answer.data ?? "0x",
        (error: unknown) => {
          if (isRevert(error, absent)) return null;
          throw error;
        },
      ),
    );
  };

  const modelStanding = async (id: ModelId): Promise<ModelStanding> => {
    const [whitelisted, enabled, fee] = await Promise.all([
      answered(client.readContract({ ...workers, functionName: "isModelWhitelisted", args: [id] })),
      answered(client.readContract({ ...config, functionName: "isModelEnabled", args: [id] })),
      ifThere(client.readContract({ ...config, functionName: "calculateJobFee", args: [id] })),
    ]);
    return { id, whitelisted, enabled, fee: fee === null ? null : wei(fee) };
  };

  return {
    rules: async (models) => {
      const [minimumStake, ackTimeout, completionTimeout, disputeWindow, inactivityTimeout, ack, completion, dispute] =
        await Promise.all([
          answered(client.readContract({ ...config, functionName: "getMinWorkerStake" })),
          answered(client.readContract({ ...config, functionName: "getAckTimeout" })),
          answered(client.readContract({ ...config, functionName: "getCompletionTimeout" })),
          answered(client.readContract({ ...config, functionName: "getDisputeWindow" })),
          ifThere(client.readContract({ ...config, functionName: "getSessionInactivityTimeout" })),
          answered(client.readContract({ ...config, functionName: "getTimeoutSlashBps" })),
          answered(client.readContract({ ...config, functionName: "getCompletionTimeoutSlashBps" })),
          answered(client.readContract({ ...config, functionName: "getDisputeSlashBps" })),
        ]);
      const [suspensionThreshold, maxConcurrentJobs, sortition, workersPaused, jobsPaused, selfContained, standings] =
        await Promise.all([
          answered(client.readContract({ ...config, functionName: "getSuspensionThreshold" })),
          ifThere(client.readContract({ ...config, functionName: "getMaxConcurrentJobs" })),
          ifThere(client.readContract({ ...config, functionName: "getSortitionEnabled" })),
          answered(client.readContract({ ...workers, functionName: "paused" })),
          answered(client.readContract({ ...jobs, functionName: "paused" })),
          ifThere(client.readContract({ ...workers, functionName: "getCapabilityMask", args: ["self-contained"] })),
          Promise.all(models.map(modelStanding)),
        ]);
      return {
        minimumStake: wei(minimumStake),
        ackTimeout: chainSeconds(ackTimeout),
        completionTimeout: chainSeconds(completionTimeout),
        disputeWindow: chainSeconds(disputeWindow),
        inactivityTimeout: inactivityTimeout === null ? null : chainSeconds(inactivityTimeout),
        slashBps: { ack, completion, dispute },
        suspensionThreshold,
        maxConcurrentJobs,
        selfContained: selfContained ?? 0n,
        mode: sortition === true ? "sortition" : "dispatcher", // older networks have no such getter, and no sortition
        paused: { workers: workersPaused, jobs: jobsPaused },
        models: standings,
      };
    },

    isRegistered: (worker) =>
      answered(client.readContract({ ...workers, functionName: "isWorkerRegistered", args: [worker] })),

    registration: async (worker, models) => {
      const supports = (model: ModelId) =>
        answered(client.readContract({ ...workers, functionName: "workerSupportsModel", args: [worker, model] }));
      const eligible = (model: ModelId) =>
        answered(client.readContract({ ...workers, functionName: "isEligible", args: [worker, model] }));
      const [stake, encryptionKey, offences, suspended, until, activeJobs, declared, supported, inSet] =
        await Promise.all([
          answered(client.readContract({ ...workers, functionName: "getWorkerStake", args: [worker] })),
          answered(client.readContract({ ...workers, functionName: "getWorkerEncryptionKey", args: [worker] })),
          answered(client.readContract({ ...workers, functionName: "getOffenseCount", args: [worker] })),
          answered(client.readContract({ ...workers, functionName: "isWorkerSuspended", args: [worker] })),
          answered(client.readContract({ ...workers, functionName: "getSuspendedUntil", args: [worker] })),
          answered(client.readContract({ ...workers, functionName: "getActiveJobCount", args: [worker] })),
          ifThere(client.readContract({ ...workers, functionName: "getWorkerCapabilities", args: [worker] })),
          Promise.all(models.map(supports)),
          Promise.all(models.map(eligible)),
        ]);
      return {
        stake: wei(stake),
        encryptionKey,
        models: models.filter((_, index) => supported[index]),
        eligible: models.filter((_, index) => inSet[index]),
        capabilities: declared ?? 0n,
        offences,
        suspendedUntil: suspended ? blockTime(until) : null,
        activeJobs,
      };
    },

    earnings: async (worker) =>
      wei(await answered(client.readContract({ ...jobs, functionName: "workerBalance", args: [worker] }))),

    session: async (id) => {
      const data = await recordOf("SessionNotFound", { abi: jobRegistryAbi, functionName: "getSession", args: [id] });
      return data === null ? null : decodeSession(data);
    },

    job: async (id) => {
      const data = await recordOf("JobNotFound", { abi: jobRegistryAbi, functionName: "getJob", args: [id] });
      return data === null ? null : decodeJob(data);
    },

    refusesJobs: async (id, session, fee) => {
      try {
        await client.call({
          account: session.user,
          to: contracts.jobRegistry,
          data: encodeFunctionData({ abi: jobRegistryAbi, functionName: "submitJob", args: [id, someBlobHash] }),
          value: fee,
          blockNumber: at,
          // Whoever is asked for may be poor today and rich tomorrow: only the contract's own word counts.
          stateOverride: [{ address: session.user, balance: fee + parseEther("1000000") }],
        });
        return false;
      } catch (error) {
        if (isRevert(error, "SessionNotActive")) return true;
        if (revertOf(error) !== undefined) return false;
        return answered(Promise.reject<boolean>(error as Error));
      }
    },

    noFaultAt: async (id, by, now) => {
      try {
        await client.call({
          account: by,
          to: contracts.jobRegistry,
          data: encodeFunctionData({ abi: jobRegistryAbi, functionName: "settleStuckJob", args: [id] }),
          blockNumber: at,
        });
        return now;
      } catch (error) {
        const revert = revertOf(error);
        if (revert === undefined) return answered(Promise.reject<null>(error as Error));
        return revert.name === "NoFaultWindowNotReached" ? blockTime(revert.args[1]) : null;
      }
    },
  };
}

/** A versioned hash in form only (EIP-4844: its first byte is 1). */
const someBlobHash: Hex = `0x01${"11".repeat(31)}`;

/** The answer, or `null` where the contract has no such function, or nothing to say: implementations differ in age (contracts reference §5.1). */
async function ifThere<T>(question: Promise<T>): Promise<T | null> {
  try {
    return await question;
  } catch (error) {
    const empty =
      error instanceof BaseError && error.walk((at) => at instanceof ContractFunctionZeroDataError) !== null;
    if (empty || revertOf(error) !== undefined) return null;
    return answered(Promise.reject<T>(error as Error));
  }
}
