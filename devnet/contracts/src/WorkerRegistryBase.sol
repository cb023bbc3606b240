// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {Guarded} from "./Guarded.sol";
import {IAIConfig} from "./Interfaces.sol";

/// What WorkerRegistry keeps of each worker, its plain getters, and how stake, sets and offences change together.
abstract contract WorkerRegistryBase is Guarded {
    using Checkpoints for Checkpoints.Trace208;
    using EnumerableSet for EnumerableSet.AddressSet;
    using EnumerableSet for EnumerableSet.Bytes32Set;

    error ActiveJobsExist(address worker, uint256 activeJobCount);
    error ActiveJobsExistForModel(address worker, bytes32 modelId, uint32 count);
    error CapabilityExists(string name);
    error CapabilityLimitReached();
    error InsufficientStake(uint256 required, uint256 provided);
    error InvalidEncryptionKey();
    error ModelAlreadySupported(bytes32 modelId);
    error ModelNotRegistered(bytes32 modelId);
    error ModelNotSupported(bytes32 modelId);
    error ModelNotWhitelisted(bytes32 modelId);
    error NoEligibleWorkers();
    error NoSlashedFunds();
    error NotAuthorized(address caller);
    error StillSuspended(address worker, uint256 until);
    error TransferFailed();
    error UnknownCapabilityBits(uint256 mask);
    error WorkerAlreadyRegistered(address worker);
    error WorkerIsSuspended(address worker, uint256 until);
    error WorkerNotInEligibleSet(address worker, bytes32 modelId);
    error WorkerNotRegistered(address worker);
    error WorkerNotSuspended(address worker);

    event CapabilityRegistered(uint8 indexed bit, string name);
    event ModelAdded(address indexed worker, bytes32 indexed modelId);
    event ModelDelisted(bytes32 indexed modelId);
    event ModelRemoved(address indexed worker, bytes32 indexed modelId);
    event ModelWhitelisted(bytes32 indexed modelId);
    event OffensesReset(address indexed worker, uint32 previousCount);
    event SlashedFundsWithdrawn(address indexed to, uint256 amount);
    event StakeTopUp(address indexed worker, uint256 amount, uint256 newStake);
    event StakeWithdrawn(address indexed worker, uint256 amount, uint256 newStake);
    event WorkerCapabilitiesSet(address indexed worker, uint256 mask);
    event WorkerDeactivated(address indexed worker, bytes32 indexed modelId);
    event WorkerDeregistered(address indexed worker);
    event WorkerRegistered(address indexed worker, bytes encryptionPubKey);
    event WorkerReinstated(address indexed worker);
    event WorkerSlashed(address indexed worker, uint256 amount, uint256 newStake);
    event WorkerSuspended(address indexed worker, uint256 until);

    struct Worker {
        bool registered;
        bool suspended;
        uint32 offenses;
        uint64 suspendedUntil;
        uint256 stake;
        uint256 capabilities;
        uint256 activeJobs;
        bytes encryptionKey;
        EnumerableSet.Bytes32Set models;
        mapping(bytes32 => uint32) activeJobsOf;
    }

    uint256 internal constant BPS = 10_000;
    uint256 internal constant MAX_CAPABILITIES = 256;
    uint256 internal constant BOUNTY_CALL_GAS = 100_000;

    IAIConfig public aiConfig;
    address public jobRegistry;
    address internal _treasuryAddress;
    uint256 internal _slashedFunds;
    Checkpoints.Trace208 internal _totalStaked;
    mapping(address => Worker) internal _workers;
    mapping(bytes32 => bool) internal _whitelisted;
    mapping(bytes32 => EnumerableSet.AddressSet) internal _eligible;
    string[] internal _capabilities;
    mapping(string => uint256) internal _capabilityMask;

    modifier onlyJobRegistry() {
        if (msg.sender != jobRegistry) revert NotAuthorized(msg.sender);
        _;
    }

    // --- views ---

    function getActiveJobCount(address worker) external view returns (uint256) {
        return _workers[worker].activeJobs;
    }

    function getCapabilityCount() external view returns (uint16) {
        return uint16(_capabilities.length);
    }

    function getCapabilityMask(string calldata name) external view returns (uint256) {
        return _capabilityMask[name];
    }

    function getCapabilityName(uint8 bit) external view returns (string memory) {
        return bit < _capabilities.length ? _capabilities[bit] : "";
    }

    function getEligibleWorkers(bytes32 modelId) external view returns (address[] memory) {
        return _eligible[modelId].values();
    }

    function getOffenseCount(address worker) external view returns (uint256) {
        return _workers[worker].offenses;
    }

    function getSlashedFunds() external view returns (uint256) {
        return _slashedFunds;
    }

    function getSuspendedUntil(address worker) external view returns (uint256) {
        return _workers[worker].suspendedUntil;
    }

    function getTotalStaked(uint256 blockNumber) external view returns (uint256) {
        return _totalStaked.upperLookupRecent(uint48(blockNumber));
    }

    function getTreasury() external view returns (address) {
        return _treasuryAddress;
    }

    function getWorkerCapabilities(address worker) external view returns (uint256) {
        return _workers[worker].capabilities;
    }

    function getWorkerEncryptionKey(address worker) external view returns (bytes memory) {
        return _workers[worker].encryptionKey;
    }

    function getWorkerStake(address worker) external view returns (uint256) {
        return _workers[worker].stake;
    }

    function isEligible(address worker, bytes32 modelId) external view returns (bool) {
        return _eligible[modelId].contains(worker);
    }

    function isModelWhitelisted(bytes32 modelId) external view returns (bool) {
        return _whitelisted[modelId];
    }

    function isWorkerRegistered(address worker) external view returns (bool) {
        return _workers[worker].registered;
    }

    /// True until `reinstate`, also when the cooldown is long over.
    function isWorkerSuspended(address worker) external view returns (bool) {
        return _workers[worker].suspended;
    }

    function workerSupportsModel(address worker, bytes32 modelId) external view returns (bool) {
        return _workers[worker].models.contains(modelId);
    }

    // --- inner parts ---

    /// Takes bps of the minimum stake, at most all there is, and counts an offence. The caller says where the amount goes.
    function _punish(address account, uint256 bps) internal returns (uint256 amount) {
        Worker storage worker = _registered(account);
        uint256 minimum = aiConfig.getMinWorkerStake();
        amount = minimum * bps / BPS;
        if (amount > worker.stake) amount = worker.stake;
        worker.stake -= amount;
        _totalFalls(amount);
        emit WorkerSlashed(account, amount, worker.stake);
        if (worker.stake < minimum) _leaveSets(account, worker);
        worker.offenses++;
        if (worker.offenses < aiConfig.getSuspensionThreshold()) return amount;
        // Uncertain on the live network: whether an offence during a suspension starts the cooldown anew. Here it does.
        worker.suspended = true;
        worker.suspendedUntil = uint64(block.timestamp + aiConfig.getSuspensionCooldown());
        emit WorkerSuspended(account, worker.suspendedUntil);
        _leaveSets(account, worker);
    }

    function _joinSets(address account, Worker storage worker) internal {
        uint256 count = worker.models.length();
        for (uint256 i = 0; i < count; i++) {
            _eligible[worker.models.at(i)].add(account);
        }
    }

    function _leaveSets(address account, Worker storage worker) internal {
        uint256 count = worker.models.length();
        for (uint256 i = 0; i < count; i++) {
            bytes32 modelId = worker.models.at(i);
            if (_eligible[modelId].remove(account)) emit WorkerDeactivated(account, modelId);
        }
    }

    function _registered(address account) internal view returns (Worker storage worker) {
        worker = _workers[account];
        if (!worker.registered) revert WorkerNotRegistered(account);
    }

    function _requireStake(uint256 required, uint256 provided) internal pure {
        if (provided < required) revert InsufficientStake(required, provided);
    }

    function _requireNoActiveJobs(address account, Worker storage worker) internal view {
        if (worker.activeJobs > 0) revert ActiveJobsExist(account, worker.activeJobs);
    }

    function _totalRises(uint256 amount) internal {
        _totalStaked.push(uint48(block.number), uint208(_totalStaked.latest() + amount));
    }

    function _totalFalls(uint256 amount) internal {
        _totalStaked.push(uint48(block.number), uint208(_totalStaked.latest() - amount));
    }

    function _send(address to, uint256 amount) internal {
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert TransferFailed();
    }

    function _contains(address[] calldata list, address account) internal pure returns (bool) {
        for (uint256 i = 0; i < list.length; i++) {
            if (list[i] == account) return true;
        }
        return false;
    }
}
