// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";

/// Every tunable parameter, the models and their fees, and the addresses of the network's services (contracts reference 5.1).
/// A public variable here is the getter of the live ABI, hence the names.
contract AIConfig is OwnableUpgradeable, UUPSUpgradeable {
    error FeeInvariantViolation(uint256 sum, uint256 expected);
    error ModelAlreadyEnabled(bytes32 modelId);
    error ModelAlreadyRegistered(bytes32 modelId);
    error ModelNotConfigured(bytes32 modelId);
    error ParameterOutOfBounds(string param, uint256 value, uint256 min, uint256 max);
    error RetentionInvariantViolation(uint256 retention, uint256 required);
    error ZeroAddress();

    event ClaimWindowBlocksUpdated(uint256 value);
    event DispatcherAddressUpdated(address indexed newDispatcher);
    event DisputeParamsUpdated(uint256 bondMultiplier, uint256 window, uint256 resolutionTimeout);
    event DisputerAddressUpdated(address indexed newDisputer);
    event FeeDistributionUpdated(uint256 workerBps, uint256 protocolBps, uint256 feePoolBps);
    event InfraParamsUpdated(string param, uint256 value);
    event KeeperParamsUpdated(uint256 timeoutBountyBps, uint256 releaseBountyBps);
    event MaxConcurrentJobsUpdated(uint256 value);
    event MinWorkerStakeUpdated(uint256 newStake);
    event ModelConfigUpdated(bytes32 indexed modelId, uint256 fee, uint256 maxOutputTokens);
    event ModelDisabled(bytes32 indexed modelId);
    event ModelEnabled(bytes32 indexed modelId);
    event ModelRegistered(bytes32 indexed modelId, uint256 fee, uint256 maxOutputTokens);
    event SessionManagerAddressUpdated(address indexed value);
    event SlashingParamsUpdated(uint256 timeoutSlashBps, uint256 completionTimeoutSlashBps, uint256 disputeSlashBps);
    event SortitionEnabledUpdated(bool enabled);
    event SuspensionParamsUpdated(uint256 threshold, uint256 cooldown);

    struct Model {
        uint256 fee;
        uint256 maxOutputTokens;
        bool registered;
        bool enabled;
    }

    uint256 private constant BPS = 10_000;
    uint256 private constant YEAR = 365 days;
    /// The EVM remembers 256 block hashes, and the seed of a request is one of them.
    uint256 private constant MAX_CLAIM_WINDOW_BLOCKS = 200;

    uint256 public getAckTimeout;
    uint256 public getCompletionTimeout;
    uint256 public getMinAckTimeout;
    uint256 public getSessionInactivityTimeout;
    uint256 public getBlobRetentionPeriod;
    uint256 public getMaxReassignments;

    uint256 public getDisputeBondMultiplier;
    uint256 public getDisputeWindow;
    uint256 public getResolutionTimeout;
    uint256 public getMinDisputeWindow;
    uint256 public getMinResolutionTimeout;

    uint256 public getMinWorkerStake;
    uint256 public getTimeoutSlashBps;
    uint256 public getCompletionTimeoutSlashBps;
    uint256 public getDisputeSlashBps;
    uint256 public getMaxSlashBps;
    uint256 public getSuspensionThreshold;
    uint256 public getSuspensionCooldown;

    uint256 public getWorkerFeeBps;
    uint256 public getProtocolFeeBps;
    uint256 public getFeePoolBps;
    uint256 public getTimeoutBountyBps;
    uint256 public getReleaseBountyBps;

    uint256 public getSamplingRateBps;
    uint256 public getSimilarityThreshold;
    uint256 public getCanarySimilarityThreshold;

    bool public getSortitionEnabled;
    uint256 public getClaimWindowBlocks;
    /// Zero means unlimited.
    // Uncertain on the live network: whether zero means unlimited.
    uint256 public getMaxConcurrentJobs;
    address public getSessionManagerAddress;
    address public getDispatcherAddress;
    address public getDisputerAddress;

    mapping(bytes32 => Model) private _models;

    function initialize(address _initialOwner, address _dispatcher, address _disputer) external initializer {
        __Ownable_init(_initialOwner);
        getDispatcherAddress = _nonZero(_dispatcher);
        getDisputerAddress = _nonZero(_disputer);
        getMinAckTimeout = getMinDisputeWindow = getMinResolutionTimeout = 1;
        (getAckTimeout, getCompletionTimeout) = (90, 120);
        (getDisputeWindow, getResolutionTimeout) = (24 hours, 12 hours);
        (getDisputeBondMultiplier, getBlobRetentionPeriod) = (BPS, 12_288 * 6 * 2);
        (getSessionInactivityTimeout, getMaxReassignments) = (1_800, 3);
        getMinWorkerStake = 5_000 ether;
        (getTimeoutSlashBps, getCompletionTimeoutSlashBps, getDisputeSlashBps) = (200, 500, 1_500);
        (getMaxSlashBps, getSuspensionThreshold, getSuspensionCooldown) = (5_000, 3, 7 days);
        (getWorkerFeeBps, getProtocolFeeBps, getFeePoolBps) = (8_000, 1_500, 500);
        (getSamplingRateBps, getSimilarityThreshold, getCanarySimilarityThreshold) = (100, 8_000, 9_000);
        getClaimWindowBlocks = 8;
    }

    // --- models ---

    function registerModel(bytes32 modelId, uint256 fee, uint256 maxOutputTokens) external onlyOwner {
        if (_models[modelId].registered) revert ModelAlreadyRegistered(modelId);
        _models[modelId] = Model(fee, _bounded("maxOutputTokens", maxOutputTokens, 1, type(uint32).max), true, true);
        emit ModelRegistered(modelId, fee, maxOutputTokens);
    }

    function enableModel(bytes32 modelId) external onlyOwner {
        Model storage model = _configured(modelId);
        if (model.enabled) revert ModelAlreadyEnabled(modelId);
        model.enabled = true;
        emit ModelEnabled(modelId);
    }

    /// Workers already in the model's eligible set stay there.
    function disableModel(bytes32 modelId) external onlyOwner {
        _configured(modelId).enabled = false;
        emit ModelDisabled(modelId);
    }

    function setModelFee(bytes32 modelId, uint256 fee) external onlyOwner {
        Model storage model = _configured(modelId);
        model.fee = fee;
        emit ModelConfigUpdated(modelId, fee, model.maxOutputTokens);
    }

    function setModelMaxOutputTokens(bytes32 modelId, uint256 tokens) external onlyOwner {
        Model storage model = _configured(modelId);
        model.maxOutputTokens = _bounded("maxOutputTokens", tokens, 1, type(uint32).max);
        emit ModelConfigUpdated(modelId, model.fee, tokens);
    }

    function isModelEnabled(bytes32 modelId) external view returns (bool) {
        return _models[modelId].enabled;
    }

    function getModelFee(bytes32 modelId) external view returns (uint256) {
        return _configured(modelId).fee;
    }

    function calculateJobFee(bytes32 modelId) external view returns (uint256) {
        return _configured(modelId).fee;
    }

    function getModelMaxOutputTokens(bytes32 modelId) external view returns (uint256) {
        return _configured(modelId).maxOutputTokens;
    }

    // --- jobs and sessions ---

    function setAckTimeout(uint256 timeout) external onlyOwner {
        getAckTimeout = _infra("ackTimeout", timeout, getMinAckTimeout, YEAR);
    }

    function setMinAckTimeout(uint256 timeout) external onlyOwner {
        getMinAckTimeout = _infra("minAckTimeout", timeout, 1, getAckTimeout);
    }

    function setCompletionTimeout(uint256 timeout) external onlyOwner {
        getCompletionTimeout = _infra("completionTimeout", timeout, 1, YEAR);
    }

    function setSessionInactivityTimeout(uint256 timeout) external onlyOwner {
        getSessionInactivityTimeout = _infra("sessionInactivityTimeout", timeout, 0, YEAR);
    }

    function setMaxReassignments(uint256 max) external onlyOwner {
        getMaxReassignments = _infra("maxReassignments", max, 0, 100);
    }

    function setBlobRetentionPeriod(uint256 period) external onlyOwner {
        getBlobRetentionPeriod = _infra("blobRetentionPeriod", period, 1, YEAR);
        _checkRetention();
    }

    // --- disputes ---

    function setDisputeBondMultiplier(uint256 multiplier) external onlyOwner {
        getDisputeBondMultiplier = _bounded("disputeBondMultiplier", multiplier, 0, 100 * BPS);
        _disputeParamsUpdated();
    }

    function setDisputeWindow(uint256 window) external onlyOwner {
        getDisputeWindow = _bounded("disputeWindow", window, getMinDisputeWindow, YEAR);
        _disputeParamsUpdated();
    }

    function setResolutionTimeout(uint256 timeout) external onlyOwner {
        getResolutionTimeout = _bounded("resolutionTimeout", timeout, getMinResolutionTimeout, YEAR);
        _disputeParamsUpdated();
    }

    function setMinDisputeWindow(uint256 window) external onlyOwner {
        getMinDisputeWindow = _infra("minDisputeWindow", window, 1, getDisputeWindow);
    }

    function setMinResolutionTimeout(uint256 timeout) external onlyOwner {
        getMinResolutionTimeout = _infra("minResolutionTimeout", timeout, 1, getResolutionTimeout);
    }

    function setSamplingRateBps(uint256 bps) external onlyOwner {
        getSamplingRateBps = _infra("samplingRateBps", bps, 0, BPS);
    }

    function setSimilarityThreshold(uint256 bps) external onlyOwner {
        getSimilarityThreshold = _infra("similarityThreshold", bps, 0, BPS);
    }

    function setCanarySimilarityThreshold(uint256 bps) external onlyOwner {
        getCanarySimilarityThreshold = _infra("canarySimilarityThreshold", bps, 0, BPS);
    }

    // --- stake and offences ---

    /// Workers below a raised minimum stay in their sets until something moves their stake.
    function setMinWorkerStake(uint256 stake) external onlyOwner {
        getMinWorkerStake = _bounded("minWorkerStake", stake, 1, type(uint128).max);
        emit MinWorkerStakeUpdated(stake);
    }

    function setTimeoutSlashBps(uint256 bps) external onlyOwner {
        getTimeoutSlashBps = _bounded("timeoutSlashBps", bps, 0, getMaxSlashBps);
        _slashingParamsUpdated();
    }

    function setCompletionTimeoutSlashBps(uint256 bps) external onlyOwner {
        getCompletionTimeoutSlashBps = _bounded("completionTimeoutSlashBps", bps, 0, getMaxSlashBps);
        _slashingParamsUpdated();
    }

    function setDisputeSlashBps(uint256 bps) external onlyOwner {
        getDisputeSlashBps = _bounded("disputeSlashBps", bps, 0, getMaxSlashBps);
        _slashingParamsUpdated();
    }

    function setMaxSlashBps(uint256 bps) external onlyOwner {
        getMaxSlashBps = _infra("maxSlashBps", bps, 0, BPS);
    }

    function setSuspensionThreshold(uint256 count) external onlyOwner {
        getSuspensionThreshold = _bounded("suspensionThreshold", count, 1, 1_000);
        emit SuspensionParamsUpdated(count, getSuspensionCooldown);
    }

    function setSuspensionCooldown(uint256 duration) external onlyOwner {
        getSuspensionCooldown = _bounded("suspensionCooldown", duration, 0, YEAR);
        emit SuspensionParamsUpdated(getSuspensionThreshold, duration);
    }

    // --- money ---

    function setFeeDistribution(uint256 workerBps, uint256 protocolBps, uint256 feePoolBps) external onlyOwner {
        uint256 sum = workerBps + protocolBps + feePoolBps;
        if (sum != BPS) revert FeeInvariantViolation(sum, BPS);
        (getWorkerFeeBps, getProtocolFeeBps, getFeePoolBps) = (workerBps, protocolBps, feePoolBps);
        emit FeeDistributionUpdated(workerBps, protocolBps, feePoolBps);
    }

    function setTimeoutBountyBps(uint256 bps) external onlyOwner {
        getTimeoutBountyBps = _bounded("timeoutBountyBps", bps, 0, BPS);
        emit KeeperParamsUpdated(bps, getReleaseBountyBps);
    }

    function setReleaseBountyBps(uint256 bps) external onlyOwner {
        getReleaseBountyBps = _bounded("releaseBountyBps", bps, 0, BPS);
        emit KeeperParamsUpdated(getTimeoutBountyBps, bps);
    }

    // --- sortition and services ---

    function setSortitionEnabled(bool enabled) external onlyOwner {
        getSortitionEnabled = enabled;
        emit SortitionEnabledUpdated(enabled);
    }

    function setClaimWindowBlocks(uint256 value) external onlyOwner {
        getClaimWindowBlocks = _bounded("claimWindowBlocks", value, 1, MAX_CLAIM_WINDOW_BLOCKS);
        emit ClaimWindowBlocksUpdated(value);
    }

    function setMaxConcurrentJobs(uint256 value) external onlyOwner {
        getMaxConcurrentJobs = _bounded("maxConcurrentJobs", value, 0, 1_000_000);
        emit MaxConcurrentJobsUpdated(value);
    }

    function setSessionManagerAddress(address value) external onlyOwner {
        getSessionManagerAddress = _nonZero(value);
        emit SessionManagerAddressUpdated(value);
    }

    function setDispatcherAddress(address dispatcher) external onlyOwner {
        getDispatcherAddress = _nonZero(dispatcher);
        emit DispatcherAddressUpdated(dispatcher);
    }

    function setDisputerAddress(address disputer) external onlyOwner {
        getDisputerAddress = _nonZero(disputer);
        emit DisputerAddressUpdated(disputer);
    }

    // --- checks ---

    function _configured(bytes32 modelId) private view returns (Model storage model) {
        model = _models[modelId];
        if (!model.registered) revert ModelNotConfigured(modelId);
    }

    function _bounded(string memory param, uint256 value, uint256 min, uint256 max) private pure returns (uint256) {
        if (value < min || value > max) revert ParameterOutOfBounds(param, value, min, max);
        return value;
    }

    function _infra(string memory param, uint256 value, uint256 min, uint256 max) private returns (uint256) {
        emit InfraParamsUpdated(param, value);
        return _bounded(param, value, min, max);
    }

    function _disputeParamsUpdated() private {
        _checkRetention();
        emit DisputeParamsUpdated(getDisputeBondMultiplier, getDisputeWindow, getResolutionTimeout);
    }

    function _slashingParamsUpdated() private {
        emit SlashingParamsUpdated(getTimeoutSlashBps, getCompletionTimeoutSlashBps, getDisputeSlashBps);
    }

    /// A dispute re-runs the prompt: its blobs must be there until the last moment of a ruling.
    function _checkRetention() private view {
        uint256 required = getDisputeWindow + getResolutionTimeout;
        if (getBlobRetentionPeriod < required) revert RetentionInvariantViolation(getBlobRetentionPeriod, required);
    }

    function _nonZero(address account) private pure returns (address) {
        if (account == address(0)) revert ZeroAddress();
        return account;
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}
