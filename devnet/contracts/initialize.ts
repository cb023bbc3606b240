import { type Abi, type ContractFunctionArgs, type ContractFunctionName, encodeFunctionData } from "viem";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { reputationRegistryAbi } from "../../abi/reputation-registry.js";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { modelIdOf } from "../../protocol/model-id.js";
import type { Address, Hex } from "../../schema/units.js";
import type { ContractAddresses } from "./addresses.js";
import { type ContractSettings, type ContractSettingsInput, contractSettings } from "./settings.js";

/** A transaction the owner sends. */
export interface OwnerCall {
  readonly to: Address;
  readonly data: Hex;
}

/**
 * What the owner sends at a network's first start, in this order: initialise the contracts, join them, set every parameter, add models and capabilities.
 * Nothing else may be initialised in between, which is nobody's wish on a rehearsal network.
 */
export function initializeCalls(addresses: ContractAddresses, input: ContractSettingsInput): OwnerCall[] {
  const settings = contractSettings(input);
  return [...initialize(addresses, settings), ...setParameters(addresses, settings), ...addModels(addresses, settings)];
}

function initialize(at: ContractAddresses, { owner, treasury, guardian, dispatcher, disputer }: ContractSettings) {
  return [
    call(at.aiConfig, aiConfigAbi, "initialize", [owner, dispatcher, disputer]),
    call(at.workerRegistry, workerRegistryAbi, "initialize", [owner, at.aiConfig, at.jobRegistry, treasury, guardian]),
    call(at.jobRegistry, jobRegistryAbi, "initialize", [
      ...([owner, at.workerRegistry, at.aiConfig] as const),
      ...([treasury, at.feePool, guardian] as const),
    ]),
    call(at.reputationRegistry, reputationRegistryAbi, "initialize", [owner, at.jobRegistry]),
    call(at.sessionManager, sessionManagerAbi, "initialize", [
      ...([owner, at.jobRegistry, at.workerRegistry] as const),
      ...([at.aiConfig, at.reputationRegistry] as const),
    ]),
    call(at.jobRegistry, jobRegistryAbi, "setReputationRegistry", [at.reputationRegistry]),
  ];
}

/** Longer than any window: lets the windows be set in any order, whatever the contract's defaults are. */
const longestRetention = 31_536_000n;

function setParameters(at: ContractAddresses, settings: ContractSettings): OwnerCall[] {
  const set = <Name extends ContractFunctionName<typeof aiConfigAbi, "nonpayable">>(
    name: Name,
    args: ContractFunctionArgs<typeof aiConfigAbi, "nonpayable", Name>,
  ) => call(at.aiConfig, aiConfigAbi, name, args);
  const { slashBps, feeBps, bountyBps } = settings;
  return [
    set("setSessionManagerAddress", [at.sessionManager]),
    set("setSortitionEnabled", [settings.sortition]),
    set("setClaimWindowBlocks", [BigInt(settings.claimWindowBlocks)]),
    set("setMaxConcurrentJobs", [BigInt(settings.maxConcurrentJobs)]),
    set("setMinWorkerStake", [settings.minWorkerStake]),
    set("setAckTimeout", [settings.ackTimeout]),
    set("setCompletionTimeout", [settings.completionTimeout]),
    set("setBlobRetentionPeriod", [longestRetention]),
    set("setDisputeWindow", [settings.disputeWindow]),
    set("setResolutionTimeout", [settings.resolutionTimeout]),
    set("setBlobRetentionPeriod", [settings.blobRetentionPeriod]),
    set("setDisputeBondMultiplier", [BigInt(settings.disputeBondMultiplierBps)]),
    set("setSessionInactivityTimeout", [settings.sessionInactivityTimeout]),
    set("setMaxReassignments", [BigInt(settings.maxReassignments)]),
    set("setMaxSlashBps", [10_000n]),
    set("setTimeoutSlashBps", [BigInt(slashBps.ack)]),
    set("setCompletionTimeoutSlashBps", [BigInt(slashBps.completion)]),
    set("setDisputeSlashBps", [BigInt(slashBps.dispute)]),
    set("setMaxSlashBps", [BigInt(Math.max(5_000, slashBps.ack, slashBps.completion, slashBps.dispute))]),
    set("setSuspensionThreshold", [BigInt(settings.suspensionThreshold)]),
    set("setSuspensionCooldown", [settings.suspensionCooldown]),
    set("setFeeDistribution", [BigInt(feeBps.worker), BigInt(feeBps.protocol), BigInt(feeBps.feePool)]),
    set("setTimeoutBountyBps", [BigInt(bountyBps.timeout)]),
    set("setReleaseBountyBps", [BigInt(bountyBps.release)]),
  ];
}

function addModels(at: ContractAddresses, { models, capabilities }: ContractSettings): OwnerCall[] {
  return [
    ...models.flatMap(({ name, fee, maxOutputTokens }) => {
      const id = modelIdOf(name);
      return [
        call(at.aiConfig, aiConfigAbi, "registerModel", [id, fee, BigInt(maxOutputTokens)]),
        call(at.workerRegistry, workerRegistryAbi, "addWhitelistedModel", [id]),
      ];
    }),
    ...capabilities.map((name) => call(at.workerRegistry, workerRegistryAbi, "registerCapability", [name])),
  ];
}

/** viem checks name and arguments against the ABI where this is called. */
function call<const ContractAbi extends Abi, Name extends ContractFunctionName<ContractAbi, "nonpayable">>(
  to: Address,
  abi: ContractAbi,
  functionName: Name,
  args: ContractFunctionArgs<ContractAbi, "nonpayable", Name>,
): OwnerCall {
  const untyped = { abi: abi as Abi, functionName: functionName as string, args: args as readonly unknown[] };
  return { to, data: encodeFunctionData(untyped) };
}
