// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";

/// A score per worker, written only by JobRegistry (contracts reference 4.11).
contract ReputationRegistry is OwnableUpgradeable, UUPSUpgradeable {
    error InvalidParam();
    error NotAuthorized(address caller);
    error ZeroAddress();

    event ReputationParamsUpdated(
        uint64 completionReward, uint64 disputeWinReward, uint64 timeoutPenalty, uint64 disputeLossPenalty
    );
    event ReputationUpdated(address indexed worker, uint64 newScore, uint8 reason);

    struct WorkerReputation {
        uint64 score;
        uint32 completions;
        uint32 disputesLost;
        uint32 timeouts;
        bool initialized;
    }

    // Uncertain on the live network: the order of the reasons and every number below.
    enum Reason {
        Completion,
        DisputeWin,
        Timeout,
        DisputeLoss
    }

    uint64 public constant START_SCORE = 5_000;
    uint64 public constant MAX_SCORE = 10_000;

    address public jobRegistry;
    uint64 private _completionReward;
    uint64 private _disputeWinReward;
    uint64 private _timeoutPenalty;
    uint64 private _disputeLossPenalty;
    mapping(address => WorkerReputation) private _reputations;

    constructor() {
        _disableInitializers();
    }

    function initialize(address _initialOwner, address _jobRegistry) external initializer {
        __Ownable_init(_initialOwner);
        if (_jobRegistry == address(0)) revert ZeroAddress();
        jobRegistry = _jobRegistry;
        _setParams(10, 50, 200, 1_000);
    }

    function setParams(
        uint64 completionReward,
        uint64 disputeWinReward,
        uint64 timeoutPenalty,
        uint64 disputeLossPenalty
    ) external onlyOwner {
        _setParams(completionReward, disputeWinReward, timeoutPenalty, disputeLossPenalty);
    }

    function recordCompletion(address worker) external {
        _record(worker, Reason.Completion).completions++;
    }

    function recordDisputeWin(address worker) external {
        _record(worker, Reason.DisputeWin);
    }

    function recordTimeout(address worker) external {
        _record(worker, Reason.Timeout).timeouts++;
    }

    function recordDisputeLoss(address worker) external {
        _record(worker, Reason.DisputeLoss).disputesLost++;
    }

    /// All zero and not `initialized` for a worker nothing was recorded of.
    // Uncertain on the live network: whether an unknown worker's score reads as zero here; `getScore` counts it as START_SCORE.
    function getReputation(address worker) external view returns (WorkerReputation memory) {
        return _reputations[worker];
    }

    function getScore(address worker) external view returns (uint256) {
        return _score(_reputations[worker]);
    }

    function _record(address worker, Reason reason) private returns (WorkerReputation storage reputation) {
        if (msg.sender != jobRegistry) revert NotAuthorized(msg.sender);
        reputation = _reputations[worker];
        uint64 score = _score(reputation);
        if (reason == Reason.Completion) score = _raised(score, _completionReward);
        else if (reason == Reason.DisputeWin) score = _raised(score, _disputeWinReward);
        else if (reason == Reason.Timeout) score = _lowered(score, _timeoutPenalty);
        else score = _lowered(score, _disputeLossPenalty);
        reputation.score = score;
        reputation.initialized = true;
        emit ReputationUpdated(worker, score, uint8(reason));
    }

    function _setParams(uint64 completion, uint64 disputeWin, uint64 timeout, uint64 disputeLoss) private {
        if (completion > MAX_SCORE || disputeWin > MAX_SCORE || timeout > MAX_SCORE || disputeLoss > MAX_SCORE) {
            revert InvalidParam();
        }
        (_completionReward, _disputeWinReward) = (completion, disputeWin);
        (_timeoutPenalty, _disputeLossPenalty) = (timeout, disputeLoss);
        emit ReputationParamsUpdated(completion, disputeWin, timeout, disputeLoss);
    }

    function _score(WorkerReputation storage reputation) private view returns (uint64) {
        return reputation.initialized ? reputation.score : START_SCORE;
    }

    function _raised(uint64 score, uint64 step) private pure returns (uint64) {
        return score + step > MAX_SCORE ? MAX_SCORE : score + step;
    }

    function _lowered(uint64 score, uint64 step) private pure returns (uint64) {
        return score < step ? 0 : score - step;
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
