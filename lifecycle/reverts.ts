import type { Revert, RevertName } from "../abi/revert.js";

/** What a contract's error means to whoever runs a worker, and what to do next. */
export interface RevertEntry {
  /** Stable, as every code; never given to another error. */
  readonly code: `LF17${string}`;
  /** A clause that goes on after the error's own name. */
  readonly means: string;
  /** The next command or action. */
  readonly fix: string;
}

const again = "run the same command again: it plans on what the chain says now.";
const byItself = "nothing: the sidecar goes on by itself.";
const jobLost =
  "`npx fleet status` and the sidecar's log say why the job was late; a missed job may count as an offence.";
const report = "report it with the transaction's purpose: no call of this version is made in that state.";
const ownersOnly = "nothing here: only the network's owner makes such calls.";
const consumersOnly = "nothing on the worker's side: only consumers and their delegates make such calls.";
const disputersOnly = "nothing on the worker's side: only the parties of a dispute make such calls.";
const keepersOnly = "wait until the time that the error names, then call again.";
const upgradesOnly = "nothing here: only an upgrade of the network's contracts goes wrong like this.";
const models = "check the model's exact spelling, or take it out of the worker's models, then: pulumi up";

/**
 * Every error that the network's contracts can answer with, under a code of its own. A new error in the ABIs does not compile before it has an entry.
 * Source: contracts reference §4, §10.1.
 */
export const reverts: Readonly<Record<RevertName, RevertEntry>> = {
  ActiveJobsExist: {
    code: "LF1701",
    means: "the worker cannot leave while jobs of its are not released",
    fix: "`npx fleet status` lists them and until when; then: pulumi destroy",
  },
  ActiveJobsExistForModel: {
    code: "LF1702",
    means: "the model cannot be taken off the chain while jobs for it are not released",
    fix: "`npx fleet status` lists them; the sidecar takes the model off by itself once they are released.",
  },
  AddressEmptyCode: { code: "LF1703", means: "a contract calls an address without code", fix: upgradesOnly },
  AlreadyClaimed: { code: "LF1704", means: "another worker was quicker to claim the session", fix: byItself },
  CapabilityExists: { code: "LF1705", means: "the network knows this capability already", fix: ownersOnly },
  CapabilityLimitReached: { code: "LF1706", means: "the network has no bit left for a capability", fix: ownersOnly },
  CheckpointUnorderedInsertion: {
    code: "LF1707",
    means: "the registry's record of total stake refuses to go back in time",
    fix: again,
  },
  DeadlineExceeded: { code: "LF1708", means: "the job's deadline has passed", fix: jobLost },
  DisputeResolutionNotTimedOut: {
    code: "LF1709",
    means: "the disputer still has time to rule",
    fix: keepersOnly,
  },
  DisputeWindowExpired: { code: "LF1710", means: "the job can be disputed no more", fix: disputersOnly },
  DisputeWindowNotElapsed: {
    code: "LF1711",
    means: "the job can still be disputed, so it is not released yet",
    fix: "nothing: the sidecar releases it when its window has passed; `npx fleet status` says when.",
  },
  ECDSAInvalidSignature: { code: "LF1712", means: "a signature belongs to nobody", fix: disputersOnly },
  ECDSAInvalidSignatureLength: { code: "LF1713", means: "a signature is not 65 bytes long", fix: disputersOnly },
  ECDSAInvalidSignatureS: { code: "LF1714", means: "a signature is in its malleable form", fix: disputersOnly },
  ERC1967InvalidImplementation: { code: "LF1715", means: "a proxy points at no contract", fix: upgradesOnly },
  ERC1967NonPayable: { code: "LF1716", means: "an upgrade carries money that it must not", fix: upgradesOnly },
  EnforcedPause: {
    code: "LF1717",
    means: "the network is paused",
    fix: "wait until it is not, then run the same command again; a sidecar that runs goes on by itself.",
  },
  EtherTransferFailed: {
    code: "LF1718",
    means: "the receiver refuses the money",
    fix: "a worker's key takes money from anybody: check that the account has no code, then run the same command again.",
  },
  ExpectedPause: { code: "LF1719", means: "the network is not paused", fix: ownersOnly },
  FailedCall: { code: "LF1720", means: "a call between contracts failed without a word", fix: upgradesOnly },
  FeeInvariantViolation: { code: "LF1721", means: "the parts of a fee do not make a whole", fix: ownersOnly },
  GuardianAlreadySunset: { code: "LF1722", means: "the network has no guardian any more", fix: ownersOnly },
  InsufficientBalance: { code: "LF1723", means: "the prepaid balance is too low", fix: consumersOnly },
  InsufficientDelegateAllowance: { code: "LF1724", means: "the delegate may not spend so much", fix: consumersOnly },
  InsufficientDisputeBond: {
    code: "LF1725",
    means: "the dispute's bond is below what the fee demands",
    fix: disputersOnly,
  },
  InsufficientFee: { code: "LF1726", means: "the job is paid below its model's fee", fix: consumersOnly },
  InsufficientStake: {
    code: "LF1727",
    means: "the stake would be, or is, below the network's minimum",
    fix: "`pulumi preview` states the minimum and what is missing; then: pulumi up",
  },
  InvalidDispatcherSignature: {
    code: "LF1728",
    means: "the dispatcher did not sign this session, or its signature was used",
    fix: consumersOnly,
  },
  InvalidEncryptionKey: {
    code: "LF1729",
    means: "the registry takes uncompressed P-256 points of 65 bytes only",
    fix: "the record's key is damaged: restore it with `npx fleet keys restore`, then: pulumi up",
  },
  InvalidInitialization: { code: "LF1730", means: "the contract was initialised before", fix: ownersOnly },
  InvalidParam: { code: "LF1731", means: "a parameter of the reputation makes no sense", fix: ownersOnly },
  InvalidResponseCiphertextHash: { code: "LF1732", means: "an answer's hash must not be zero", fix: report },
  InvalidSessionKey: { code: "LF1733", means: "a wrapped session key has not 125 bytes", fix: consumersOnly },
  InvalidWorkerSignature: {
    code: "LF1734",
    means: "the proof is not signed by the job's worker",
    fix: disputersOnly,
  },
  JobNotFound: {
    code: "LF1735",
    means: "the chain knows no such job",
    fix: "check that `network` names the right node and contracts; after a reorganisation the sidecar looks again by itself.",
  },
  JobNotInState: {
    code: "LF1736",
    means: "the job has moved on meanwhile",
    fix: "nothing: the sidecar reads the job again and does what is left.",
  },
  MaxReassignmentsExceeded: {
    code: "LF1737",
    means: "the session has had as many workers as it may",
    fix: consumersOnly,
  },
  MissingCapabilities: {
    code: "LF1738",
    means: "the session asks for a capability that this worker has not declared",
    fix: byItself,
  },
  ModelAlreadyEnabled: { code: "LF1739", means: "the model is enabled already", fix: ownersOnly },
  ModelAlreadyRegistered: { code: "LF1740", means: "the network knows the model already", fix: ownersOnly },
  ModelAlreadySupported: { code: "LF1741", means: "the worker serves the model already", fix: again },
  ModelDisabled: { code: "LF1742", means: "the network sells no jobs of this model now", fix: models },
  ModelNotConfigured: { code: "LF1743", means: "the network has no fee for this model", fix: models },
  ModelNotRegistered: {
    code: "LF1744",
    means: "the network's AIConfig does not know or enable this model",
    fix: models,
  },
  ModelNotSupported: { code: "LF1745", means: "the worker does not serve the model", fix: again },
  ModelNotWhitelisted: { code: "LF1746", means: "the network does not admit this model", fix: models },
  NoAvailableWorker: { code: "LF1747", means: "no other worker can take the session", fix: consumersOnly },
  NoBalanceToWithdraw: { code: "LF1748", means: "the worker has no earnings to withdraw", fix: again },
  NoBlobMismatch: { code: "LF1749", means: "the worker signed just what it committed to", fix: disputersOnly },
  NoEligibleWorkers: { code: "LF1750", means: "no worker serves this model", fix: consumersOnly },
  NoFaultWindowNotReached: {
    code: "LF1751",
    means: "the stuck job can be settled without blame only later",
    fix: keepersOnly,
  },
  NoPendingRefund: { code: "LF1752", means: "no refund waits for this account", fix: consumersOnly },
  NoSlashedFunds: { code: "LF1753", means: "nothing was slashed since the last time", fix: ownersOnly },
  NotAuthorized: { code: "LF1754", means: "only the JobRegistry may call this", fix: report },
  NotAuthorizedDelegate: { code: "LF1755", means: "the user has not authorised this delegate", fix: consumersOnly },
  NotDisputer: { code: "LF1756", means: "only the network's disputer rules", fix: disputersOnly },
  NotGuardianOrOwner: { code: "LF1757", means: "only guardian or owner may pause", fix: ownersOnly },
  NotInitializing: { code: "LF1758", means: "this may be called at initialisation only", fix: ownersOnly },
  NotJobWorker: {
    code: "LF1759",
    means: "the job belongs to another worker",
    fix: "nothing: the session was given to another worker; the sidecar drops the job by itself.",
  },
  NotRequestOwner: { code: "LF1760", means: "the request belongs to somebody else", fix: consumersOnly },
  NotSessionManager: { code: "LF1761", means: "only the SessionManager may call this", fix: report },
  NotSessionOwner: { code: "LF1762", means: "the session belongs to somebody else", fix: consumersOnly },
  NotSortitionEligible: {
    code: "LF1763",
    means: "it is not this worker's turn for the request yet",
    fix: "nothing: the sidecar asks again on later blocks.",
  },
  NotTimedOut: { code: "LF1764", means: "the job's deadline has not passed", fix: keepersOnly },
  OwnableInvalidOwner: { code: "LF1765", means: "the contract cannot belong to that address", fix: ownersOnly },
  OwnableUnauthorizedAccount: { code: "LF1766", means: "only the network's owner may call this", fix: ownersOnly },
  ParameterOutOfBounds: {
    code: "LF1767",
    means: "the parameter is outside of what the network allows",
    fix: ownersOnly,
  },
  ReentrancyGuardReentrantCall: { code: "LF1768", means: "a contract called back into this one", fix: report },
  RequestExpired: { code: "LF1769", means: "the session request is over", fix: byItself },
  RequestNotClaimed: { code: "LF1770", means: "no worker has claimed the request yet", fix: consumersOnly },
  RequestNotOpen: { code: "LF1771", means: "the session request was claimed or is over", fix: byItself },
  RetentionInvariantViolation: {
    code: "LF1772",
    means: "blobs would be dropped before a dispute ends",
    fix: ownersOnly,
  },
  SeedNotReady: {
    code: "LF1773",
    means: "the request is too young to be drawn for",
    fix: "nothing: the sidecar asks again on later blocks.",
  },
  SessionNotActive: { code: "LF1774", means: "the session takes no jobs any more", fix: consumersOnly },
  SessionNotFound: {
    code: "LF1775",
    means: "the chain knows no such session",
    fix: "check that `network` names the right node and contracts; after a reorganisation the sidecar looks again by itself.",
  },
  SessionNotReassigning: { code: "LF1776", means: "the session needs no other worker", fix: consumersOnly },
  SignatureExpired: { code: "LF1777", means: "the dispatcher's signature is too old", fix: consumersOnly },
  SortitionDisabled: {
    code: "LF1778",
    means: "the network does not draw workers by lot now",
    fix: "nothing: the sidecar reads the network's mode again and claims when it may.",
  },
  StillSuspended: {
    code: "LF1779",
    means: "the suspension is not over",
    fix: "`npx fleet status` says until when; the worker reinstates itself then.",
  },
  TransferFailed: {
    code: "LF1780",
    means: "the registry could not send the stake back",
    fix: "a worker's key takes money from anybody: check that the account has no code, then: pulumi destroy",
  },
  UUPSUnauthorizedCallContext: { code: "LF1781", means: "an upgrade was called past its proxy", fix: upgradesOnly },
  UUPSUnsupportedProxiableUUID: {
    code: "LF1782",
    means: "an upgrade is to no contract of its kind",
    fix: upgradesOnly,
  },
  UnauthorizedDisputeCaller: {
    code: "LF1783",
    means: "only the session's owner and the network's disputer may dispute",
    fix: disputersOnly,
  },
  UnexpectedETH: { code: "LF1784", means: "a session costs nothing; jobs are paid one by one", fix: consumersOnly },
  UnknownCapabilityBits: {
    code: "LF1785",
    means: "the network does not know one of the declared capabilities",
    fix: again,
  },
  WorkerAlreadyRegistered: { code: "LF1786", means: "the worker is on the network already", fix: again },
  WorkerAtCapacity: {
    code: "LF1787",
    means: "the worker has as many jobs as the network lets one have",
    fix: "nothing: the sidecar claims again when jobs are released.",
  },
  WorkerIsSuspended: {
    code: "LF1788",
    means: "the worker is suspended",
    fix: "`npx fleet status` says until when; the worker reinstates itself then.",
  },
  WorkerNotEligible: {
    code: "LF1789",
    means: "the worker may not be given sessions of this model",
    fix: "`npx fleet status` says whether stake, suspension or model is the reason.",
  },
  WorkerNotEligibleForClaim: {
    code: "LF1790",
    means: "the worker is not in the model's eligible set",
    fix: "`npx fleet status` says whether stake, suspension or model is the reason.",
  },
  WorkerNotInEligibleSet: { code: "LF1791", means: "the worker is not in the model's eligible set", fix: again },
  WorkerNotRegistered: { code: "LF1792", means: "the worker is not on the network", fix: again },
  WorkerNotSuspended: { code: "LF1793", means: "the worker is not suspended", fix: again },
  ZeroAddress: { code: "LF1794", means: "an address is zero that must not be", fix: ownersOnly },
  ZeroDeposit: { code: "LF1795", means: "nothing was deposited", fix: consumersOnly },
};

/** The catalogue's entry of a revert; `undefined` for what no contract of ours declares: plain texts, panics, strangers. */
export const entryOf = (revert: Revert): RevertEntry | undefined =>
  Object.hasOwn(reverts, revert.name) ? reverts[revert.name as RevertName] : undefined;

/** A revert's name and arguments, for a person. */
export function nameOf(revert: Revert): string {
  if (revert.name === "Unknown") return `an unknown error (${revert.selector})`;
  return `${revert.name}(${revert.args.map(String).join(", ")})`;
}
