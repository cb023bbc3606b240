import { usual } from "../life.js";
import { who } from "../network.js";
import { type Refusal, refused } from "./refusal.js";

const { owner } = who;
const zero = "0x0000000000000000000000000000000000000000";

/** What even the owner may not do. */
export const ownerRefusals: Refusal[] = [
  [
    "an ack timeout of nothing",
    "ParameterOutOfBounds",
    async ({ network }) =>
      refused(network.call(owner, "aiConfig", "setAckTimeout", [0n]), "ackTimeout", 0n, 1n, 31_536_000n),
  ],
  [
    "a slash above the highest rate",
    "ParameterOutOfBounds",
    async ({ network }) =>
      refused(network.call(owner, "aiConfig", "setDisputeSlashBps", [5_001n]), "disputeSlashBps", 5_001n, 0n, 5_000n),
  ],
  [
    "fee shares that are not the whole fee",
    "FeeInvariantViolation",
    async ({ network }) =>
      refused(network.call(owner, "aiConfig", "setFeeDistribution", [8_000n, 1_500n, 499n]), 9_999n, 10_000n),
  ],
  [
    "keeping blobs for less than a dispute lasts",
    "RetentionInvariantViolation",
    async ({ network }) =>
      refused(network.call(owner, "aiConfig", "setBlobRetentionPeriod", [129_599n]), 129_599n, 129_600n),
  ],
  [
    "registering a model twice",
    "ModelAlreadyRegistered",
    async ({ network }) => refused(network.call(owner, "aiConfig", "registerModel", [usual, 1n, 1n]), usual),
  ],
  [
    "enabling a model that is enabled",
    "ModelAlreadyEnabled",
    async ({ network }) => refused(network.call(owner, "aiConfig", "enableModel", [usual]), usual),
  ],
  [
    "a reward above the highest score",
    "InvalidParam",
    async ({ network }) => refused(network.call(owner, "reputationRegistry", "setParams", [10_001n, 0n, 0n, 0n])),
  ],
  [
    "no dispatcher",
    "ZeroAddress",
    async ({ network }) => refused(network.call(owner, "aiConfig", "setDispatcherAddress", [zero])),
  ],
  [
    "nobody as the next owner",
    "OwnableInvalidOwner",
    async ({ network }) => refused(network.call(owner, "jobRegistry", "transferOwnership", [zero]), zero),
  ],
];
