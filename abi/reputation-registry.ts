import { parseAbi } from "viem";

/**
 * ReputationRegistry: score per worker, written only by JobRegistry.
 *
 * Source: contracts reference §3.5: 17 functions, 5 events, 13 errors. The proxies are upgraded now and then: a function listed here may be missing on a network.
 */
export const reputationRegistryAbi = parseAbi([
  // structs
  "struct WorkerReputation { uint64 score; uint32 completions; uint32 disputesLost; uint32 timeouts; bool initialized; }",
  // functions
  "function MAX_SCORE() view returns (uint64)",
  "function START_SCORE() view returns (uint64)",
  "function UPGRADE_INTERFACE_VERSION() view returns (string)",
  "function getReputation(address worker) view returns (WorkerReputation)",
  "function getScore(address worker) view returns (uint256)",
  "function initialize(address _initialOwner, address _jobRegistry)",
  "function jobRegistry() view returns (address)",
  "function owner() view returns (address)",
  "function proxiableUUID() view returns (bytes32)",
  "function recordCompletion(address worker)",
  "function recordDisputeLoss(address worker)",
  "function recordDisputeWin(address worker)",
  "function recordTimeout(address worker)",
  "function renounceOwnership()",
  "function setParams(uint64 completionReward, uint64 disputeWinReward, uint64 timeoutPenalty, uint64 disputeLossPenalty)",
  "function transferOwnership(address newOwner)",
  "function upgradeToAndCall(address newImplementation, bytes data) payable",
  // events
  "event Initialized(uint64 version)",
  "event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)",
  "event ReputationParamsUpdated(uint64 completionReward, uint64 disputeWinReward, uint64 timeoutPenalty, uint64 disputeLossPenalty)",
  "event ReputationUpdated(address indexed worker, uint64 newScore, uint8 reason)",
  "event Upgraded(address indexed implementation)",
  // errors
  "error AddressEmptyCode(address target)",
  "error ERC1967InvalidImplementation(address implementation)",
  "error ERC1967NonPayable()",
  "error FailedCall()",
  "error InvalidInitialization()",
  "error InvalidParam()",
  "error NotAuthorized(address caller)",
  "error NotInitializing()",
  "error OwnableInvalidOwner(address owner)",
  "error OwnableUnauthorizedAccount(address account)",
  "error UUPSUnauthorizedCallContext()",
  "error UUPSUnsupportedProxiableUUID(bytes32 slot)",
  "error ZeroAddress()",
]);
