import { parseAbi } from "viem";

/**
 * SessionManager: sortition requests and claims. Absent on networks that still use the dispatcher.
 *
 * Source: contracts reference §3.3: 17 functions, 6 events, 24 errors. The proxies are upgraded now and then: a function listed here may be missing on a network.
 */
export const sessionManagerAbi = parseAbi([
  // structs
  "struct Request { address user; bytes32 modelId; uint64 requestBlock; uint64 expiry; address worker; uint8 status; }",
  // functions
  "function UPGRADE_INTERFACE_VERSION() view returns (string)",
  "function claimSession(uint256 reqId)",
  "function eligibleNow(uint256 reqId, address worker) view returns (bool)",
  "function getRequest(uint256 reqId) view returns (Request)",
  "function getRequiredCapabilities(uint256 reqId) view returns (uint256)",
  "function initialize(address initialOwner, address jobRegistry_, address workerRegistry_, address aiConfig_, address reputation_)",
  "function owner() view returns (address)",
  "function provideSessionKey(uint256 reqId, bytes encWorkerKey, bytes encDisputerKey)",
  "function provideSessionKeyFor(address user, uint256 reqId, bytes encWorkerKey, bytes encDisputerKey)",
  "function proxiableUUID() view returns (bytes32)",
  "function renounceOwnership()",
  "function requestSession(bytes32 modelId, uint256 expiry) returns (uint256 reqId)",
  "function requestSessionFor(address user, bytes32 modelId, uint256 expiry) returns (uint256 reqId)",
  "function requestSessionForWithCapabilities(address user, bytes32 modelId, uint256 expiry, uint256 requiredCaps) returns (uint256 reqId)",
  "function requestSessionWithCapabilities(bytes32 modelId, uint256 expiry, uint256 requiredCaps) returns (uint256 reqId)",
  "function transferOwnership(address newOwner)",
  "function upgradeToAndCall(address newImplementation, bytes data) payable",
  // events
  "event Initialized(uint64 version)",
  "event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)",
  "event SessionClaimed(uint256 indexed reqId, address indexed worker)",
  "event SessionReady(uint256 indexed reqId, uint256 indexed sessionId)",
  "event SessionRequested(uint256 indexed reqId, address indexed user, bytes32 indexed modelId, uint256 requestBlock)",
  "event Upgraded(address indexed implementation)",
  // errors
  "error AddressEmptyCode(address target)",
  "error AlreadyClaimed(uint256 reqId)",
  "error ERC1967InvalidImplementation(address implementation)",
  "error ERC1967NonPayable()",
  "error FailedCall()",
  "error InvalidInitialization()",
  "error MissingCapabilities(address worker, uint256 requiredMask)",
  "error NotAuthorizedDelegate(address user, address delegate)",
  "error NotInitializing()",
  "error NotRequestOwner(uint256 reqId)",
  "error NotSortitionEligible(address worker)",
  "error OwnableInvalidOwner(address owner)",
  "error OwnableUnauthorizedAccount(address account)",
  "error RequestExpired(uint256 reqId)",
  "error RequestNotClaimed(uint256 reqId)",
  "error RequestNotOpen(uint256 reqId)",
  "error SeedNotReady(uint256 reqId)",
  "error SortitionDisabled()",
  "error UUPSUnauthorizedCallContext()",
  "error UUPSUnsupportedProxiableUUID(bytes32 slot)",
  "error UnknownCapabilityBits(uint256 mask)",
  "error WorkerAtCapacity(address worker)",
  "error WorkerNotEligibleForClaim(address worker)",
  "error ZeroAddress()",
]);
