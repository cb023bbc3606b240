// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {IAIConfig, IJobRegistry, IReputationRegistry, IWorkerRegistry} from "./Interfaces.sol";

/// Sortition: users request, workers claim, users give the claimer the session key (contracts reference 4.5).
// Uncertain on the live network: the formula. Here the hash of (seed, request, worker) is a ticket between 0 and 1. A worker is
// eligible once its ticket lies under a threshold that begins at its share of stake and score, and grows to 1 over the claim window.
contract SessionManager is OwnableUpgradeable, UUPSUpgradeable {
    error AlreadyClaimed(uint256 reqId);
    error MissingCapabilities(address worker, uint256 requiredMask);
    error NotAuthorizedDelegate(address user, address delegate);
    error NotRequestOwner(uint256 reqId);
    error NotSortitionEligible(address worker);
    error RequestExpired(uint256 reqId);
    error RequestNotClaimed(uint256 reqId);
    error RequestNotOpen(uint256 reqId);
    error SeedNotReady(uint256 reqId);
    error SortitionDisabled();
    error UnknownCapabilityBits(uint256 mask);
    error WorkerAtCapacity(address worker);
    error WorkerNotEligibleForClaim(address worker);
    error ZeroAddress();

    event SessionClaimed(uint256 indexed reqId, address indexed worker);
    event SessionReady(uint256 indexed reqId, uint256 indexed sessionId);
    event SessionRequested(
        uint256 indexed reqId, address indexed user, bytes32 indexed modelId, uint256 requestBlock
    );

    enum ReqStatus {
        Open,
        Claimed,
        Ready,
        Expired
    }

    struct Request {
        address user;
        bytes32 modelId;
        uint64 requestBlock;
        uint64 expiry;
        address worker;
        ReqStatus status;
    }

    uint256 private constant ONE = 1e18;
    uint256 private constant MAX_CAPABILITIES = 256;
    /// The seed is the hash of the block after the request, which its user cannot know.
    uint256 private constant SEED_DELAY = 1;

    IJobRegistry private _jobs;
    IWorkerRegistry private _workers;
    IAIConfig private _config;
    IReputationRegistry private _reputation;
    uint256 private _requestCount;
    mapping(uint256 => Request) private _requests;
    mapping(uint256 => uint256) private _requiredCapabilities;

    constructor() {
        _disableInitializers();
    }

    function initialize(
        address initialOwner,
        address jobRegistry_,
        address workerRegistry_,
        address aiConfig_,
        address reputation_
    ) external initializer {
        __Ownable_init(initialOwner);
        _jobs = IJobRegistry(_nonZero(jobRegistry_));
        _workers = IWorkerRegistry(_nonZero(workerRegistry_));
        _config = IAIConfig(_nonZero(aiConfig_));
        _reputation = IReputationRegistry(_nonZero(reputation_));
    }

    // --- the user's part ---

    function requestSession(bytes32 modelId, uint256 expiry) external returns (uint256 reqId) {
        return _request(msg.sender, modelId, expiry, 0);
    }

    function requestSessionWithCapabilities(bytes32 modelId, uint256 expiry, uint256 requiredCaps)
        external
        returns (uint256 reqId)
    {
        return _request(msg.sender, modelId, expiry, requiredCaps);
    }

    function requestSessionFor(address user, bytes32 modelId, uint256 expiry) external returns (uint256 reqId) {
        _requireDelegate(user);
        return _request(user, modelId, expiry, 0);
    }

    function requestSessionForWithCapabilities(address user, bytes32 modelId, uint256 expiry, uint256 requiredCaps)
        external
        returns (uint256 reqId)
    {
        _requireDelegate(user);
        return _request(user, modelId, expiry, requiredCaps);
    }

    function provideSessionKey(uint256 reqId, bytes calldata encWorkerKey, bytes calldata encDisputerKey) external {
        _provide(msg.sender, reqId, encWorkerKey, encDisputerKey);
    }

    function provideSessionKeyFor(
        address user,
        uint256 reqId,
        bytes calldata encWorkerKey,
        bytes calldata encDisputerKey
    ) external {
        _requireDelegate(user);
        _provide(user, reqId, encWorkerKey, encDisputerKey);
    }

    // --- the worker's part ---

    function claimSession(uint256 reqId) external {
        if (!_config.getSortitionEnabled()) revert SortitionDisabled();
        Request storage request = _requests[reqId];
        if (request.status == ReqStatus.Claimed) revert AlreadyClaimed(reqId);
        if (request.user == address(0) || request.status != ReqStatus.Open) revert RequestNotOpen(reqId);
        if (block.timestamp > request.expiry) revert RequestExpired(reqId);
        if (!_workers.isEligible(msg.sender, request.modelId)) revert WorkerNotEligibleForClaim(msg.sender);
        _requireCapacity(msg.sender);
        uint256 required = _requiredCapabilities[reqId];
        if (_workers.getWorkerCapabilities(msg.sender) & required != required) {
            revert MissingCapabilities(msg.sender, required);
        }
        if (!_isSeedReady(request)) revert SeedNotReady(reqId);
        if (!_isDrawn(reqId, request, msg.sender)) revert NotSortitionEligible(msg.sender);
        request.status = ReqStatus.Claimed;
        request.worker = msg.sender;
        emit SessionClaimed(reqId, msg.sender);
    }

    /// Says nothing about capabilities and capacity.
    // Uncertain on the live network: the answer for claimed and expired requests. Here false.
    function eligibleNow(uint256 reqId, address worker) external view returns (bool) {
        Request storage request = _requests[reqId];
        if (request.user == address(0) || request.status != ReqStatus.Open) return false;
        if (block.timestamp > request.expiry || !_isSeedReady(request)) return false;
        return _workers.isEligible(worker, request.modelId) && _isDrawn(reqId, request, worker);
    }

    // --- views ---

    /// The stored status: an expired request nobody claimed still reads as Open.
    function getRequest(uint256 reqId) external view returns (Request memory) {
        return _requests[reqId];
    }

    function getRequiredCapabilities(uint256 reqId) external view returns (uint256) {
        return _requiredCapabilities[reqId];
    }

    // --- inner parts ---

    function _request(address user, bytes32 modelId, uint256 expiry, uint256 requiredCaps)
        private
        returns (uint256 reqId)
    {
        if (!_config.getSortitionEnabled()) revert SortitionDisabled();
        uint256 known = _workers.getCapabilityCount();
        if (known < MAX_CAPABILITIES && requiredCaps >> known != 0) revert UnknownCapabilityBits(requiredCaps);
        reqId = ++_requestCount;
        if (expiry <= block.timestamp) revert RequestExpired(reqId);
        if (expiry > type(uint64).max) expiry = type(uint64).max;
        _requests[reqId] =
            Request(user, modelId, uint64(block.number), uint64(expiry), address(0), ReqStatus.Open);
        _requiredCapabilities[reqId] = requiredCaps;
        emit SessionRequested(reqId, user, modelId, block.number);
    }

    function _provide(address user, uint256 reqId, bytes calldata encWorkerKey, bytes calldata encDisputerKey)
        private
    {
        Request storage request = _requests[reqId];
        if (request.user != user) revert NotRequestOwner(reqId);
        if (request.status != ReqStatus.Claimed) revert RequestNotClaimed(reqId);
        if (block.timestamp > request.expiry) revert RequestExpired(reqId);
        request.status = ReqStatus.Ready;
        uint256 sessionId =
            _jobs.adoptSession(user, request.modelId, request.worker, encWorkerKey, encDisputerKey);
        emit SessionReady(reqId, sessionId);
    }

    // Uncertain on the live network: which counter this compares, and whether zero means unlimited. Here all active jobs, those in
    // their dispute window included.
    function _requireCapacity(address worker) private view {
        uint256 limit = _config.getMaxConcurrentJobs();
        if (limit > 0 && _workers.getActiveJobCount(worker) >= limit) revert WorkerAtCapacity(worker);
    }

    function _isSeedReady(Request storage request) private view returns (bool) {
        return block.number > request.requestBlock + SEED_DELAY;
    }

    function _isDrawn(uint256 reqId, Request storage request, address worker) private view returns (bool) {
        uint256 seedBlock = request.requestBlock + SEED_DELAY;
        uint256 elapsed = block.number - seedBlock;
        uint256 window = _config.getClaimWindowBlocks();
        if (elapsed >= window) return true;
        uint256 ticket = uint256(keccak256(abi.encode(blockhash(seedBlock), reqId, worker))) % ONE;
        uint256 share = _share(worker, request.requestBlock);
        return ticket < share + (ONE - share) * elapsed / window;
    }

    /// The worker's part of all stake at the request, scaled by its reputation: 0 to ONE.
    function _share(address worker, uint256 requestBlock) private view returns (uint256 share) {
        uint256 total = _workers.getTotalStaked(requestBlock);
        if (total == 0) return 0;
        share = ONE * _workers.getWorkerStake(worker) / total * _reputation.getScore(worker) / _reputation.MAX_SCORE();
        if (share > ONE) share = ONE;
    }

    function _requireDelegate(address user) private view {
        if (!_jobs.isDelegateAuthorized(user, msg.sender)) revert NotAuthorizedDelegate(user, msg.sender);
    }

    function _nonZero(address account) private pure returns (address) {
        if (account == address(0)) revert ZeroAddress();
        return account;
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
