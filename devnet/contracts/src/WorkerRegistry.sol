// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IAIConfig} from "./Interfaces.sol";
import {WorkerRegistryBase} from "./WorkerRegistryBase.sol";

/// Registration, stake, models, capabilities, offences and active-job counters of workers (contracts reference 4.1 to 4.3, 4.10).
contract WorkerRegistry is WorkerRegistryBase {
    using EnumerableSet for EnumerableSet.AddressSet;
    using EnumerableSet for EnumerableSet.Bytes32Set;

    function initialize(
        address _initialOwner,
        address _aiConfig,
        address _jobRegistry,
        address _treasury,
        address _guardian
    ) external initializer {
        _initGuarded(_initialOwner, _guardian);
        aiConfig = IAIConfig(_nonZero(_aiConfig));
        jobRegistry = _nonZero(_jobRegistry);
        _treasuryAddress = _nonZero(_treasury);
    }

    // --- registration and stake ---

    // Uncertain on the live network: whether offences and a suspension outlive a deregistration. Here they do.
    function registerWorker(bytes calldata encryptionPubKey) external payable whenNotPaused nonReentrant {
        Worker storage worker = _workers[msg.sender];
        if (worker.registered) revert WorkerAlreadyRegistered(msg.sender);
        if (encryptionPubKey.length != 65 || encryptionPubKey[0] != 0x04) revert InvalidEncryptionKey();
        _requireStake(aiConfig.getMinWorkerStake(), msg.value);
        worker.registered = true;
        worker.encryptionKey = encryptionPubKey;
        worker.stake = msg.value;
        _totalRises(msg.value);
        emit WorkerRegistered(msg.sender, encryptionPubKey);
    }

    function topUpStake() external payable whenNotPaused nonReentrant {
        Worker storage worker = _registered(msg.sender);
        worker.stake += msg.value;
        _totalRises(msg.value);
        emit StakeTopUp(msg.sender, msg.value, worker.stake);
        // Models the worker already supports come back without a fresh whitelist or enabled check.
        if (!worker.suspended && worker.stake >= aiConfig.getMinWorkerStake()) _joinSets(msg.sender, worker);
    }

    function withdrawStake(uint256 amount) external whenNotPaused nonReentrant {
        Worker storage worker = _registered(msg.sender);
        // Uncertain on the live network: whether active jobs block this. Here they do.
        _requireNoActiveJobs(msg.sender, worker);
        _requireStake(amount, worker.stake);
        uint256 rest = worker.stake - amount;
        if (worker.models.length() > 0) _requireStake(aiConfig.getMinWorkerStake(), rest);
        worker.stake = rest;
        _totalFalls(amount);
        emit StakeWithdrawn(msg.sender, amount, rest);
        _send(msg.sender, amount);
    }

    // Uncertain on the live network: whether a suspended worker may leave. Here it may; only active jobs hold it.
    function deregisterWorker() external whenNotPaused nonReentrant {
        Worker storage worker = _registered(msg.sender);
        _requireNoActiveJobs(msg.sender, worker);
        bytes32[] memory models = worker.models.values();
        for (uint256 i = 0; i < models.length; i++) {
            _eligible[models[i]].remove(msg.sender);
            worker.models.remove(models[i]);
        }
        uint256 stake = worker.stake;
        worker.registered = false;
        worker.stake = 0;
        worker.capabilities = 0;
        delete worker.encryptionKey;
        _totalFalls(stake);
        emit WorkerDeregistered(msg.sender);
        _send(msg.sender, stake);
    }

    // --- models ---

    function addSupportedModel(bytes32 modelId) external whenNotPaused nonReentrant {
        Worker storage worker = _registered(msg.sender);
        if (worker.suspended) revert WorkerIsSuspended(msg.sender, worker.suspendedUntil);
        if (!_whitelisted[modelId]) revert ModelNotWhitelisted(modelId);
        if (!aiConfig.isModelEnabled(modelId)) revert ModelNotRegistered(modelId);
        _requireStake(aiConfig.getMinWorkerStake(), worker.stake);
        if (!worker.models.add(modelId)) revert ModelAlreadySupported(modelId);
        _eligible[modelId].add(msg.sender);
        emit ModelAdded(msg.sender, modelId);
    }

    /// Sessions of the model that are open stay open, and may still bring jobs.
    function removeSupportedModel(bytes32 modelId) external whenNotPaused nonReentrant {
        Worker storage worker = _registered(msg.sender);
        if (!worker.models.contains(modelId)) revert ModelNotSupported(modelId);
        uint32 jobs = worker.activeJobsOf[modelId];
        if (jobs > 0) revert ActiveJobsExistForModel(msg.sender, modelId, jobs);
        worker.models.remove(modelId);
        _eligible[modelId].remove(msg.sender);
        emit ModelRemoved(msg.sender, modelId);
    }

    function addWhitelistedModel(bytes32 modelId) external onlyOwner {
        _whitelisted[modelId] = true;
        emit ModelWhitelisted(modelId);
    }

    /// Workers already in the model's eligible set stay there.
    function removeWhitelistedModel(bytes32 modelId) external onlyOwner {
        if (!_whitelisted[modelId]) revert ModelNotWhitelisted(modelId);
        _whitelisted[modelId] = false;
        emit ModelDelisted(modelId);
    }

    function selectEligibleWorker(bytes32 modelId, address[] calldata excluded, uint256 seed)
        external
        view
        returns (address)
    {
        EnumerableSet.AddressSet storage workers = _eligible[modelId];
        uint256 count = workers.length();
        for (uint256 i = 0; i < count; i++) {
            address worker = workers.at(addmod(seed, i, count));
            if (!_contains(excluded, worker)) return worker;
        }
        revert NoEligibleWorkers();
    }

    // --- capabilities ---

    function registerCapability(string calldata name) external onlyOwner returns (uint8 bit) {
        if (_capabilityMask[name] != 0) revert CapabilityExists(name);
        if (_capabilities.length == MAX_CAPABILITIES) revert CapabilityLimitReached();
        bit = uint8(_capabilities.length);
        _capabilities.push(name);
        _capabilityMask[name] = 1 << bit;
        emit CapabilityRegistered(bit, name);
    }

    function setCapabilities(uint256 mask) external whenNotPaused {
        Worker storage worker = _registered(msg.sender);
        uint256 count = _capabilities.length;
        if (count < MAX_CAPABILITIES && mask >> count != 0) revert UnknownCapabilityBits(mask);
        worker.capabilities = mask;
        emit WorkerCapabilitiesSet(msg.sender, mask);
    }

    // --- offences ---

    function slash(address worker, uint256 bps) external onlyJobRegistry whenNotPaused nonReentrant {
        _slashedFunds += _punish(worker, bps);
    }

    // Uncertain on the live network: what funds the keeper's bounty. Here it is a part of the slash.
    function slashWithBounty(address worker, uint256 bps, address bountyRecipient)
        external
        onlyJobRegistry
        whenNotPaused
        nonReentrant
        returns (uint256 slashAmount, uint256 bountyPaid)
    {
        slashAmount = _punish(worker, bps);
        bountyPaid = slashAmount * aiConfig.getTimeoutBountyBps() / BPS;
        if (bountyPaid > 0) {
            (bool sent,) = bountyRecipient.call{value: bountyPaid, gas: BOUNTY_CALL_GAS}("");
            if (!sent) bountyPaid = 0;
        }
        _slashedFunds += slashAmount - bountyPaid;
    }

    function reinstate() external whenNotPaused nonReentrant {
        Worker storage worker = _registered(msg.sender);
        if (!worker.suspended) revert WorkerNotSuspended(msg.sender);
        if (block.timestamp < worker.suspendedUntil) revert StillSuspended(msg.sender, worker.suspendedUntil);
        _requireStake(aiConfig.getMinWorkerStake(), worker.stake);
        // Uncertain on the live network: whether this clears the offences. Here it does not, so the next one suspends again.
        worker.suspended = false;
        worker.suspendedUntil = 0;
        emit WorkerReinstated(msg.sender);
        _joinSets(msg.sender, worker);
    }

    function resetOffenses(address worker) external onlyOwner {
        Worker storage record = _workers[worker];
        emit OffensesReset(worker, record.offenses);
        record.offenses = 0;
    }

    // Uncertain on the live network: who may send the pot to the treasury. Here the owner.
    function withdrawSlashedFunds() external onlyOwner nonReentrant {
        uint256 amount = _slashedFunds;
        if (amount == 0) revert NoSlashedFunds();
        _slashedFunds = 0;
        emit SlashedFundsWithdrawn(_treasuryAddress, amount);
        _send(_treasuryAddress, amount);
    }

    // --- active jobs ---

    // Uncertain on the live network: whether a job of an open session reaches a worker that is suspended, below the minimum or
    // without the model. Here it does, as long as the worker is registered.
    function incrementActiveJobs(address worker, bytes32 modelId) external onlyJobRegistry whenNotPaused {
        Worker storage record = _registered(worker);
        record.activeJobs++;
        record.activeJobsOf[modelId]++;
    }

    function decrementActiveJobs(address worker, bytes32 modelId) external onlyJobRegistry whenNotPaused {
        Worker storage record = _workers[worker];
        record.activeJobs--;
        record.activeJobsOf[modelId]--;
    }
}
