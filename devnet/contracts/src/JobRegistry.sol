// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Disputes} from "./Disputes.sol";
import {IAIConfig, IWorkerRegistry} from "./Interfaces.sol";
import {PrepaidBalances} from "./PrepaidBalances.sol";
import {Sessions} from "./Sessions.sol";

/// Jobs from submission to payment (contracts reference 4.6, 4.7).
contract JobRegistry is PrepaidBalances, Sessions, Disputes {
    // Uncertain on the live network: the length of this window ("about 2 h").
    uint256 private constant NO_FAULT_DELAY = 2 hours;

    mapping(address worker => uint256) public workerBalance;

    constructor() {
        _disableInitializers();
    }

    function initialize(
        address _initialOwner,
        address _workerRegistry,
        address _aiConfig,
        address _treasury,
        address _feePool,
        address _guardian
    ) external initializer {
        _initGuarded(_initialOwner, _guardian);
        _workers = IWorkerRegistry(_nonZero(_workerRegistry));
        _config = IAIConfig(_nonZero(_aiConfig));
        _treasuryAddress = _nonZero(_treasury);
        _feePoolAddress = _nonZero(_feePool);
    }

    function setReputationRegistry(address registry) external onlyOwner {
        reputationRegistry = _nonZero(registry);
        emit ReputationRegistryUpdated(registry);
    }

    // --- submission ---

    function submitJob(uint256 sessionId, bytes32 blobHash)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 jobId)
    {
        uint256 fee;
        (jobId, fee) = _submit(msg.sender, sessionId, blobHash);
        if (msg.value < fee) revert InsufficientFee(fee, msg.value);
        _push(msg.sender, msg.value - fee);
    }

    function submitJobOnBehalf(address user, uint256 sessionId, bytes32 blobHash)
        external
        whenNotPaused
        nonReentrant
        returns (uint256 jobId)
    {
        _requireDelegate(user, msg.sender);
        uint256 fee;
        (jobId, fee) = _submit(user, sessionId, blobHash);
        _spendAsDelegate(user, msg.sender, fee);
        _isPrepaid[jobId] = true;
    }

    function _submit(address user, uint256 sessionId, bytes32 blobHash) private returns (uint256 jobId, uint256 fee) {
        Session storage session = _ownSession(sessionId, user);
        _requireActive(sessionId, session);
        fee = _config.calculateJobFee(session.modelId);
        jobId = ++_jobCount;
        Job storage job = _jobs[jobId];
        (job.sessionId, job.worker, job.escrowedFee) = (sessionId, session.worker, fee);
        (job.promptBlobHash, job.submittedAt, job.submitBlockNumber) = (blobHash, block.timestamp, block.number);
        job.deadline = block.timestamp + _config.getAckTimeout();
        session.jobCount++;
        session.lastActivityAt = block.timestamp;
        _workers.incrementActiveJobs(session.worker, session.modelId);
        emit JobSubmitted(jobId, sessionId, session.worker);
    }

    // --- the worker's part ---

    function acknowledgeJob(uint256 jobId) external whenNotPaused nonReentrant {
        Job storage job = _workable(jobId, JobState.Submitted);
        job.state = JobState.Acknowledged;
        job.ackTimestamp = block.timestamp;
        job.deadline = block.timestamp + _config.getCompletionTimeout();
        _sessions[job.sessionId].lastActivityAt = block.timestamp;
        emit JobAcknowledged(jobId, msg.sender);
    }

    /// An ordinary transaction: the response blob travels in an earlier one, so `blobhash` is not looked at.
    function completeJob(uint256 jobId, bytes32 responseBlobHash, bytes32 responseCiphertextHash)
        external
        whenNotPaused
        nonReentrant
    {
        Job storage job = _workable(jobId, JobState.Acknowledged);
        if (responseCiphertextHash == 0) revert InvalidResponseCiphertextHash();
        job.state = JobState.Completed;
        (job.responseBlobHash, job.responseCiphertextHash) = (responseBlobHash, responseCiphertextHash);
        (job.completedAt, job.completionBlockNumber) = (block.timestamp, block.number);
        _sessions[job.sessionId].lastActivityAt = block.timestamp;
        emit JobCompleted(jobId, msg.sender, responseBlobHash, responseCiphertextHash);
    }

    function _workable(uint256 jobId, JobState expected) private view returns (Job storage job) {
        job = _job(jobId);
        if (msg.sender != job.worker) revert NotJobWorker(jobId, msg.sender, job.worker);
        _requireState(jobId, job, expected);
        if (block.timestamp > job.deadline) revert DeadlineExceeded(jobId, job.deadline, block.timestamp);
    }

    // --- what keepers settle ---

    function claimTimeout(uint256 jobId) external whenNotPaused nonReentrant {
        Job storage job = _job(jobId);
        if (job.state == JobState.Disputed) return _default(jobId, job);
        bool acknowledged = _requireInFlight(jobId, job);
        if (block.timestamp <= job.deadline) revert NotTimedOut(jobId, job.deadline, block.timestamp);
        job.state = JobState.TimedOut;
        (uint256 slashed, uint256 bounty) = _workers.slashWithBounty(
            job.worker,
            acknowledged ? _config.getCompletionTimeoutSlashBps() : _config.getTimeoutSlashBps(),
            msg.sender
        );
        emit JobTimedOut(jobId, job.worker, slashed);
        if (bounty > 0) emit KeeperBountyPaid(jobId, msg.sender, bounty, uint8(BountyKind.Timeout));
        if (reputationRegistry != address(0)) _reputation().recordTimeout(job.worker);
        _leaveFlight(job);
        _needsAnotherWorker(job.sessionId, job.worker);
        _refundFee(jobId, job);
    }

    /// A refund without blame, long after the deadline.
    // Uncertain on the live network: who may call this, the final state, and whether the session goes on. Here anyone, TimedOut, and it does.
    function settleStuckJob(uint256 jobId) external whenNotPaused nonReentrant {
        Job storage job = _job(jobId);
        _requireInFlight(jobId, job);
        uint256 availableAt = job.deadline + NO_FAULT_DELAY;
        if (block.timestamp < availableAt) revert NoFaultWindowNotReached(jobId, availableAt, block.timestamp);
        job.state = JobState.TimedOut;
        _leaveFlight(job);
        emit JobSettledNoFault(jobId, _refundFee(jobId, job));
    }

    function releaseJob(uint256 jobId) external whenNotPaused nonReentrant {
        _release(jobId);
    }

    /// All or nothing.
    function releaseJobs(uint256[] calldata jobIds) external whenNotPaused nonReentrant {
        for (uint256 i = 0; i < jobIds.length; i++) {
            _release(jobIds[i]);
        }
    }

    /// The worker's whole earnings, to the worker.
    function withdraw() external whenNotPaused nonReentrant {
        uint256 amount = workerBalance[msg.sender];
        if (amount == 0) revert NoBalanceToWithdraw(msg.sender);
        workerBalance[msg.sender] = 0;
        emit WorkerWithdrawal(msg.sender, amount);
        _pay(msg.sender, amount);
    }

    function getJob(uint256 jobId) external view returns (Job memory) {
        return _job(jobId);
    }

    function _release(uint256 jobId) private {
        Job storage job = _job(jobId);
        uint256 fee = job.escrowedFee;
        // A guilty verdict leaves no escrow; an acquittal does, and needs no further wait.
        if (job.state != JobState.Resolved || fee == 0) {
            _requireState(jobId, job, JobState.Completed);
            uint256 windowEnd = job.completedAt + _config.getDisputeWindow();
            if (block.timestamp < windowEnd) revert DisputeWindowNotElapsed(jobId, windowEnd, block.timestamp);
        }
        job.state = JobState.Released;
        // Uncertain on the live network: whether the escrow reads as zero afterwards. Here it does.
        job.escrowedFee = 0;
        _leaveFlight(job);
        _distribute(jobId, job.worker, fee);
        if (reputationRegistry != address(0)) _reputation().recordCompletion(job.worker);
    }

    // Uncertain on the live network: what funds the bounty of a release by somebody else. Here the worker's share.
    function _distribute(uint256 jobId, address worker, uint256 fee) private {
        uint256 workerShare = fee * _config.getWorkerFeeBps() / BPS;
        uint256 protocolShare = fee * _config.getProtocolFeeBps() / BPS;
        uint256 feePoolShare = fee - workerShare - protocolShare;
        uint256 bounty = msg.sender == worker ? 0 : workerShare * _config.getReleaseBountyBps() / BPS;
        workerShare -= bounty;
        workerBalance[worker] += workerShare;
        emit JobReleased(jobId, workerShare, protocolShare, feePoolShare);
        emit FeeDistributed(jobId, workerShare, protocolShare, feePoolShare);
        if (bounty > 0) emit KeeperBountyPaid(jobId, msg.sender, bounty, uint8(BountyKind.Release));
        _push(_treasuryAddress, protocolShare);
        _push(_feePoolAddress, feePoolShare);
        _push(msg.sender, bounty);
    }

    function _requireInFlight(uint256 jobId, Job storage job) private view returns (bool acknowledged) {
        acknowledged = job.state == JobState.Acknowledged;
        if (!acknowledged) _requireState(jobId, job, JobState.Submitted);
    }
}
