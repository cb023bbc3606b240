import { toFunctionSelector } from "viem";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { workerRegistryAbi } from "../../../../abi/worker-registry.js";
import { addresses } from "../../../../devnet/contracts/addresses.js";
import { committed, encryptionKey, fee, minimum, promptHash, responseHash, small, usual, wrappedKey } from "./life.js";
import { type Call, type TestNetwork, who } from "./network.js";

/** Everything of WorkerRegistry and JobRegistry that a pause stops: all that changes state but the owner's own calls. */
export function pausableCalls(network: TestNetwork, jobId: bigint): Call[] {
  const uint = 1n;
  return [
    network.call(who.rival, "workerRegistry", "registerWorker", [encryptionKey], minimum),
    network.call(who.worker, "workerRegistry", "addSupportedModel", [small]),
    network.call(who.worker, "workerRegistry", "removeSupportedModel", [usual]),
    network.call(who.worker, "workerRegistry", "topUpStake", [], 1n),
    network.call(who.worker, "workerRegistry", "withdrawStake", [0n]),
    network.call(who.worker, "workerRegistry", "deregisterWorker", []),
    network.call(who.worker, "workerRegistry", "reinstate", []),
    network.call(who.worker, "workerRegistry", "setCapabilities", [uint]),
    network.call(addresses.jobRegistry, "workerRegistry", "incrementActiveJobs", [who.worker, usual]),
    network.call(addresses.jobRegistry, "workerRegistry", "decrementActiveJobs", [who.worker, usual]),
    network.call(addresses.jobRegistry, "workerRegistry", "slash", [who.worker, uint]),
    network.call(addresses.jobRegistry, "workerRegistry", "slashWithBounty", [who.worker, uint, who.stranger]),
    network.call(who.worker, "jobRegistry", "acknowledgeJob", [jobId]),
    network.call(who.worker, "jobRegistry", "completeJob", [jobId, responseHash, committed]),
    network.call(who.worker, "jobRegistry", "releaseJob", [jobId]),
    network.call(who.worker, "jobRegistry", "releaseJobs", [[jobId]]),
    network.call(who.worker, "jobRegistry", "withdraw", []),
    network.call(who.stranger, "jobRegistry", "claimTimeout", [jobId]),
    network.call(who.stranger, "jobRegistry", "settleStuckJob", [jobId]),
    network.call(who.user, "jobRegistry", "submitJob", [uint, promptHash], fee),
    network.call(who.delegate, "jobRegistry", "submitJobOnBehalf", [who.user, uint, promptHash]),
    network.call(who.user, "jobRegistry", "createSession", [usual, who.worker, wrappedKey, "0x", "0x", uint]),
    network.call(who.user, "jobRegistry", "updateSessionKey", [uint, wrappedKey, "0x", "0x", uint]),
    network.call(who.user, "jobRegistry", "reassignSession", [uint]),
    network.call(who.user, "jobRegistry", "closeSession", [uint]),
    network.call(who.user, "jobRegistry", "disputeJob", [jobId], fee),
    network.call(who.user, "jobRegistry", "disputeResponseMismatch", [jobId, "0x", "0x"]),
    network.call(who.disputer, "jobRegistry", "resolveDispute", [jobId, true, responseHash, uint]),
    network.call(who.user, "jobRegistry", "deposit", [], 1n),
    network.call(who.user, "jobRegistry", "depositAndAuthorize", [who.delegate], 1n),
    network.call(who.user, "jobRegistry", "withdrawBalance", [uint]),
    network.call(who.user, "jobRegistry", "setDelegateAuthorization", [who.delegate, true]),
    network.call(who.user, "jobRegistry", "setDelegateAllowance", [who.delegate, uint]),
    network.call(who.user, "jobRegistry", "claimRefund", []),
    network.call(addresses.sessionManager, "jobRegistry", "adoptSession", [
      who.user,
      usual,
      who.worker,
      wrappedKey,
      "0x",
    ]),
  ];
}

/** What the owner does, paused or not. */
const ownersCalls = [
  ...["addWhitelistedModel", "removeWhitelistedModel", "registerCapability", "resetOffenses", "withdrawSlashedFunds"],
  ...["initialize", "pause", "unpause", "sunsetGuardian", "setReputationRegistry"],
  ...["renounceOwnership", "transferOwnership", "upgradeToAndCall"],
];

/** The selectors of everything else in the two ABIs that changes state. */
export const pausableSelectors = (): string[] =>
  [...workerRegistryAbi, ...jobRegistryAbi]
    .filter((item) => item.type === "function")
    .filter((item) => item.stateMutability !== "view" && !ownersCalls.includes(item.name))
    .map((item) => toFunctionSelector(item))
    .sort();
