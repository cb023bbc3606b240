// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Guarded} from "./Guarded.sol";
import {IAIConfig, IReputationRegistry, IWorkerRegistry} from "./Interfaces.sol";

/// What the parts of JobRegistry share: types, records, events, errors, and how money leaves.
abstract contract JobRegistryBase is Guarded {
    error DeadlineExceeded(uint256 jobId, uint256 deadline, uint256 currentTime);
    error DisputeResolutionNotTimedOut(uint256 jobId, uint256 deadline, uint256 currentTime);
    error DisputeWindowExpired(uint256 jobId, uint256 windowEnd, uint256 currentTime);
    error DisputeWindowNotElapsed(uint256 jobId, uint256 windowEnd, uint256 currentTime);
    error EtherTransferFailed();
    error InsufficientBalance(address user, uint256 required, uint256 available);
    error InsufficientDelegateAllowance(address user, address delegate, uint256 required, uint256 available);
    error InsufficientDisputeBond(uint256 required, uint256 provided);
    error InsufficientFee(uint256 required, uint256 provided);
    error InvalidDispatcherSignature();
    error InvalidResponseCiphertextHash();
    error InvalidSessionKey();
    error InvalidWorkerSignature();
    error JobNotFound(uint256 jobId);
    error JobNotInState(uint256 jobId, JobState expected, JobState actual);
    error MaxReassignmentsExceeded(uint256 sessionId, uint256 max);
    error ModelDisabled(bytes32 modelId);
    error NoAvailableWorker(bytes32 modelId);
    error NoBalanceToWithdraw(address worker);
    error NoBlobMismatch(uint256 jobId);
    error NoFaultWindowNotReached(uint256 jobId, uint256 availableAt, uint256 currentTime);
    error NoPendingRefund(address account);
    error NotAuthorizedDelegate(address user, address delegate);
    error NotDisputer(address caller, address expected);
    error NotJobWorker(uint256 jobId, address caller, address worker);
    error NotSessionManager();
    error NotSessionOwner(uint256 sessionId, address caller, address owner);
    error NotTimedOut(uint256 jobId, uint256 deadline, uint256 currentTime);
    error SessionNotActive(uint256 sessionId);
    error SessionNotFound(uint256 sessionId);
    error SessionNotReassigning(uint256 sessionId);
    error SignatureExpired(uint256 expiry, uint256 currentTime);
    error SortitionDisabled();
    error UnauthorizedDisputeCaller(uint256 jobId, address caller);
    error UnexpectedETH();
    error WorkerNotEligible(address worker, bytes32 modelId);
    error ZeroDeposit();

    event DelegateAllowanceSet(address indexed user, address indexed delegate, uint256 allowance);
    event DelegateAuthorizationSet(address indexed user, address indexed delegate, bool authorized);
    event Deposited(address indexed user, uint256 amount, uint256 newBalance);
    event DisputeCreated(uint256 indexed jobId, address indexed disputer);
    event DisputeDefaulted(uint256 indexed jobId);
    event DisputeResolved(uint256 indexed jobId, bool workerGuilty, uint256 similarityScore);
    event FeeDistributed(uint256 indexed jobId, uint256 workerShare, uint256 protocolShare, uint256 feePoolShare);
    event JobAcknowledged(uint256 indexed jobId, address indexed worker);
    event JobCompleted(
        uint256 indexed jobId, address indexed worker, bytes32 responseBlobHash, bytes32 responseCiphertextHash
    );
    event JobReleased(uint256 indexed jobId, uint256 workerShare, uint256 protocolShare, uint256 feePoolShare);
    event JobSettledNoFault(uint256 indexed jobId, uint256 refundAmount);
    event JobSubmitted(uint256 indexed jobId, uint256 indexed sessionId, address worker);
    event JobTimedOut(uint256 indexed jobId, address indexed worker, uint256 slashAmount);
    event KeeperBountyPaid(uint256 indexed jobId, address indexed keeper, uint256 amount, uint8 kind);
    event RefundClaimed(address indexed recipient, uint256 amount);
    event RefundCreditedToBalance(address indexed user, uint256 indexed jobId, uint256 amount);
    event RefundEscrowed(address indexed recipient, uint256 amount);
    event ReputationRegistryUpdated(address registry);
    event SessionAdopted(uint256 indexed sessionId, address indexed user, address indexed worker);
    event SessionClosed(uint256 indexed sessionId);
    event SessionCreated(
        uint256 indexed sessionId,
        address indexed user,
        bytes32 indexed modelId,
        address worker,
        bytes encWorkerKey,
        bytes encDisputerKey
    );
    event SessionKeyUpdated(uint256 indexed sessionId, bytes encWorkerKey, bytes encDisputerKey);
    event SessionReassigned(uint256 indexed sessionId, address newWorker);
    event TransferFailed(address indexed to, uint256 amount);
    event Withdrew(address indexed user, uint256 amount, uint256 newBalance);
    event WorkerWithdrawal(address indexed worker, uint256 amount);

    enum JobState {
        Submitted,
        Acknowledged,
        Completed,
        TimedOut,
        Disputed,
        Resolved,
        Released
    }

    enum SessionStatus {
        Active,
        Reassigning,
        Closed
    }

    // Uncertain on the live network: the values of `kind`.
    enum BountyKind {
        Timeout,
        Release
    }

    struct Job {
        uint256 sessionId;
        address worker;
        JobState state;
        uint256 escrowedFee;
        bytes32 promptBlobHash;
        bytes32 responseBlobHash;
        uint256 submittedAt;
        uint256 ackTimestamp;
        uint256 completedAt;
        uint256 deadline;
        address disputeFiler;
        uint256 disputeBond;
        bytes32 reExecutionBlobHash;
        uint256 similarityScore;
        uint256 disputeCreatedAt;
        bytes32 responseCiphertextHash;
        uint256 submitBlockNumber;
        uint256 completionBlockNumber;
    }

    struct Session {
        address user;
        bytes32 modelId;
        address worker;
        SessionStatus status;
        bytes encWorkerKey;
        bytes encDisputerKey;
        uint256 jobCount;
        uint256 lastActivityAt;
        uint256 reassignCount;
        uint256 deposit;
        address[] excludedWorkers;
    }

    uint256 internal constant BPS = 10_000;
    uint256 private constant PUSH_GAS = 100_000;

    IWorkerRegistry internal _workers;
    IAIConfig internal _config;
    address internal _treasuryAddress;
    address internal _feePoolAddress;
    /// Zero until set: nothing is recorded then.
    address public reputationRegistry;

    uint256 internal _sessionCount;
    uint256 internal _jobCount;
    mapping(uint256 => Session) internal _sessions;
    mapping(uint256 => Job) internal _jobs;
    /// Jobs whose fee came from the prepaid balance; a refund goes back there.
    mapping(uint256 => bool) internal _isPrepaid;
    mapping(address user => uint256) public prepaidBalanceOf;
    mapping(address account => uint256) public pendingRefund;

    function _session(uint256 sessionId) internal view returns (Session storage session) {
        session = _sessions[sessionId];
        if (session.user == address(0)) revert SessionNotFound(sessionId);
    }

    function _ownSession(uint256 sessionId, address caller) internal view returns (Session storage session) {
        session = _session(sessionId);
        if (session.user != caller) revert NotSessionOwner(sessionId, caller, session.user);
    }

    function _job(uint256 jobId) internal view returns (Job storage job) {
        job = _jobs[jobId];
        if (job.sessionId == 0) revert JobNotFound(jobId);
    }

    function _requireState(uint256 jobId, Job storage job, JobState expected) internal view {
        if (job.state != expected) revert JobNotInState(jobId, expected, job.state);
    }

    function _reputation() internal view returns (IReputationRegistry) {
        return IReputationRegistry(reputationRegistry);
    }

    /// The job no longer holds its worker.
    function _leaveFlight(Job storage job) internal {
        _workers.decrementActiveJobs(job.worker, _sessions[job.sessionId].modelId);
    }

    /// Gives the escrowed fee back to the session's owner, where it came from.
    function _refundFee(uint256 jobId, Job storage job) internal returns (uint256 amount) {
        amount = job.escrowedFee;
        job.escrowedFee = 0;
        address user = _sessions[job.sessionId].user;
        if (!_isPrepaid[jobId]) {
            _push(user, amount);
        } else {
            prepaidBalanceOf[user] += amount;
            emit RefundCreditedToBalance(user, jobId, amount);
        }
    }

    /// Sends, or parks for `claimRefund` what the receiver refuses, so that nobody can block a settlement.
    function _push(address to, uint256 amount) internal {
        if (amount == 0) return;
        (bool sent,) = to.call{value: amount, gas: PUSH_GAS}("");
        if (sent) return;
        pendingRefund[to] += amount;
        emit TransferFailed(to, amount);
        emit RefundEscrowed(to, amount);
    }

    /// Sends what the caller itself asked for, or reverts.
    function _pay(address to, uint256 amount) internal {
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert EtherTransferFailed();
    }
}
