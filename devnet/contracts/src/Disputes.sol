// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {JobRegistryBase} from "./JobRegistryBase.sol";

/// Disputes with a bond, and the proof that a worker signed another answer than it committed (contracts reference 4.8).
///
/// A disputed job keeps the worker's active-job counter up until the ruling; after an acquittal, until it is released.
// Uncertain on the live network: whether a disputed job counts.
abstract contract Disputes is JobRegistryBase {
    function disputeJob(uint256 jobId) external payable whenNotPaused nonReentrant {
        Job storage job = _job(jobId);
        if (msg.sender != _sessions[job.sessionId].user && msg.sender != _config.getDisputerAddress()) {
            revert UnauthorizedDisputeCaller(jobId, msg.sender);
        }
        _requireDisputable(jobId, job);
        uint256 bond = job.escrowedFee * _config.getDisputeBondMultiplier() / BPS;
        if (msg.value < bond) revert InsufficientDisputeBond(bond, msg.value);
        job.state = JobState.Disputed;
        (job.disputeFiler, job.disputeBond, job.disputeCreatedAt) = (msg.sender, bond, block.timestamp);
        emit DisputeCreated(jobId, msg.sender);
        _push(msg.sender, msg.value - bond);
    }

    // Uncertain on the live network: who receives the bond of a lost dispute. Here the treasury.
    function resolveDispute(uint256 jobId, bool workerGuilty, bytes32 reExecutionBlobHash, uint256 _similarityScore)
        external
        whenNotPaused
        nonReentrant
    {
        address disputer = _config.getDisputerAddress();
        if (msg.sender != disputer) revert NotDisputer(msg.sender, disputer);
        Job storage job = _job(jobId);
        _requireState(jobId, job, JobState.Disputed);
        job.reExecutionBlobHash = reExecutionBlobHash;
        job.similarityScore = _similarityScore;
        emit DisputeResolved(jobId, workerGuilty, _similarityScore);
        if (workerGuilty) return _convict(jobId, job);
        job.state = JobState.Resolved;
        if (reputationRegistry != address(0)) _reputation().recordDisputeWin(job.worker);
        // Without an escrow there will be no release to lower the counter.
        if (job.escrowedFee == 0) _leaveFlight(job);
        _returnBond(job, _treasuryAddress);
    }

    /// Anyone may bring the proof, within the dispute window of a completed job.
    // Uncertain on the live network: whether only the session's owner may.
    function disputeResponseMismatch(uint256 jobId, bytes calldata ciphertext, bytes calldata signature)
        external
        whenNotPaused
        nonReentrant
    {
        Job storage job = _job(jobId);
        _requireDisputable(jobId, job);
        if (keccak256(ciphertext) == job.responseCiphertextHash) revert NoBlobMismatch(jobId);
        bytes32 digest = keccak256(abi.encode(block.chainid, address(this), jobId, job.sessionId, ciphertext));
        if (ECDSA.recover(MessageHashUtils.toEthSignedMessageHash(digest), signature) != job.worker) {
            revert InvalidWorkerSignature();
        }
        (job.disputeFiler, job.disputeCreatedAt) = (msg.sender, block.timestamp);
        emit DisputeResolved(jobId, true, 0);
        _convict(jobId, job);
    }

    /// A disputer who stays silent loses for the worker: the filer is taken to be right.
    // Uncertain on the live network: whether the worker is slashed then. Here it is.
    function _default(uint256 jobId, Job storage job) internal {
        uint256 deadline = job.disputeCreatedAt + _config.getResolutionTimeout();
        if (block.timestamp <= deadline) revert DisputeResolutionNotTimedOut(jobId, deadline, block.timestamp);
        emit DisputeDefaulted(jobId);
        _convict(jobId, job);
    }

    function _convict(uint256 jobId, Job storage job) private {
        job.state = JobState.Resolved;
        _workers.slash(job.worker, _config.getDisputeSlashBps());
        _leaveFlight(job);
        if (reputationRegistry != address(0)) _reputation().recordDisputeLoss(job.worker);
        _refundFee(jobId, job);
        _returnBond(job, job.disputeFiler);
    }

    function _returnBond(Job storage job, address to) private {
        uint256 bond = job.disputeBond;
        job.disputeBond = 0;
        _push(to, bond);
    }

    function _requireDisputable(uint256 jobId, Job storage job) private view {
        _requireState(jobId, job, JobState.Completed);
        uint256 windowEnd = job.completedAt + _config.getDisputeWindow();
        if (block.timestamp > windowEnd) revert DisputeWindowExpired(jobId, windowEnd, block.timestamp);
    }
}
