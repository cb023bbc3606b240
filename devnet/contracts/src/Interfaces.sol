// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// What the contracts ask of each other; the whole surface of each is its own ABI.

interface IAIConfig {
    function getMinWorkerStake() external view returns (uint256);
    function getSuspensionThreshold() external view returns (uint256);
    function getSuspensionCooldown() external view returns (uint256);
    function getTimeoutBountyBps() external view returns (uint256);
    function getReleaseBountyBps() external view returns (uint256);
    function getTimeoutSlashBps() external view returns (uint256);
    function getCompletionTimeoutSlashBps() external view returns (uint256);
    function getDisputeSlashBps() external view returns (uint256);
    function getWorkerFeeBps() external view returns (uint256);
    function getProtocolFeeBps() external view returns (uint256);
    function getAckTimeout() external view returns (uint256);
    function getCompletionTimeout() external view returns (uint256);
    function getDisputeWindow() external view returns (uint256);
    function getResolutionTimeout() external view returns (uint256);
    function getDisputeBondMultiplier() external view returns (uint256);
    function getSessionInactivityTimeout() external view returns (uint256);
    function getMaxReassignments() external view returns (uint256);
    function getMaxConcurrentJobs() external view returns (uint256);
    function getClaimWindowBlocks() external view returns (uint256);
    function getSortitionEnabled() external view returns (bool);
    function getSessionManagerAddress() external view returns (address);
    function getDispatcherAddress() external view returns (address);
    function getDisputerAddress() external view returns (address);
    function isModelEnabled(bytes32 modelId) external view returns (bool);
    function calculateJobFee(bytes32 modelId) external view returns (uint256);
}

interface IWorkerRegistry {
    function isWorkerRegistered(address worker) external view returns (bool);
    function isEligible(address worker, bytes32 modelId) external view returns (bool);
    function selectEligibleWorker(bytes32 modelId, address[] calldata excluded, uint256 seed)
        external
        view
        returns (address);
    function getActiveJobCount(address worker) external view returns (uint256);
    function getWorkerStake(address worker) external view returns (uint256);
    function getTotalStaked(uint256 blockNumber) external view returns (uint256);
    function getWorkerCapabilities(address worker) external view returns (uint256);
    function getCapabilityCount() external view returns (uint16);
    function incrementActiveJobs(address worker, bytes32 modelId) external;
    function decrementActiveJobs(address worker, bytes32 modelId) external;
    function slash(address worker, uint256 bps) external;
    function slashWithBounty(address worker, uint256 bps, address bountyRecipient)
        external
        returns (uint256 slashAmount, uint256 bountyPaid);
}

interface IJobRegistry {
    function isDelegateAuthorized(address user, address delegate) external view returns (bool);
    function adoptSession(
        address user,
        bytes32 modelId,
        address worker,
        bytes calldata encWorkerKey,
        bytes calldata encDisputerKey
    ) external returns (uint256 sessionId);
}

interface IReputationRegistry {
    function MAX_SCORE() external view returns (uint64);
    function getScore(address worker) external view returns (uint256);
    function recordCompletion(address worker) external;
    function recordDisputeWin(address worker) external;
    function recordTimeout(address worker) external;
    function recordDisputeLoss(address worker) external;
}
