import type { Hex } from "../../../../../schema/units.js";
import {
  ackTimeout,
  ciphertext,
  committed,
  completionTimeout,
  disputeWindow,
  fee,
  type Life,
  promptHash,
  refusing,
  responseHash,
  unknownModel,
  usual,
} from "../life.js";
import { lcai, who } from "../network.js";
import { type Refusal, refused } from "./refusal.js";

const { worker, rival, user, stranger, delegate, keeper, disputer } = who;
const zeroHash: Hex = `0x${"00".repeat(32)}`;
const zero = "0x0000000000000000000000000000000000000000";
const evidence: Hex = `0x${Buffer.from("another answer").toString("hex")}`;

/** Everything that names a job, tried on one that does not exist. */
const onUnknownJobs: Refusal[] = (
  [
    [worker, "acknowledgeJob", [99n]],
    [worker, "completeJob", [99n, responseHash, committed]],
    [keeper, "claimTimeout", [99n]],
    [keeper, "settleStuckJob", [99n]],
    [keeper, "releaseJob", [99n]],
    [keeper, "releaseJobs", [[99n]]],
    [user, "disputeJob", [99n]],
    [user, "disputeResponseMismatch", [99n, "0x", "0x"]],
    [disputer, "resolveDispute", [99n, true, responseHash, 0n]],
  ] as const
).map(([from, name, args]) => [
  `${name} on a job that does not exist`,
  "JobNotFound",
  async ({ network }) => refused(network.call(from, "jobRegistry", name, args), 99n),
]);

type State = "submitted" | "acknowledged" | "completed" | "timedOut" | "disputed" | "released";
const stateNumber: Record<State, number> = {
  submitted: 0,
  acknowledged: 1,
  completed: 2,
  timedOut: 3,
  disputed: 4,
  released: 6,
};

/** Everything that needs a job in one state, tried in others. */
const inWrongStates: Refusal[] = (
  [
    ["acknowledgeJob", worker, 0, ["acknowledged", "completed", "timedOut"], (id: bigint) => [id]],
    ["completeJob", worker, 1, ["submitted", "completed", "timedOut"], (id: bigint) => [id, responseHash, committed]],
    ["claimTimeout", keeper, 0, ["completed", "timedOut", "released"], (id: bigint) => [id]],
    ["settleStuckJob", keeper, 0, ["completed", "timedOut", "disputed", "released"], (id: bigint) => [id]],
    ["releaseJob", keeper, 2, ["submitted", "acknowledged", "timedOut", "disputed", "released"], (id: bigint) => [id]],
    ["disputeJob", user, 2, ["submitted", "acknowledged", "disputed", "released"], (id: bigint) => [id]],
    ["disputeResponseMismatch", user, 2, ["acknowledged", "disputed"], (id: bigint) => [id, evidence, "0x"]],
    ["resolveDispute", disputer, 4, ["completed", "released"], (id: bigint) => [id, true, responseHash, 0n]],
  ] as const
).flatMap(([name, from, expected, states, args]) =>
  states.map((state): Refusal => [
    `${name} on a job that is ${state}`,
    "JobNotInState",
    async (life) => {
      const jobId = await life[state]();
      const call = life.network.call(from, "jobRegistry", name, args(jobId) as never);
      return refused(call, jobId, expected, stateNumber[state]);
    },
  ]),
);

const mismatch = (life: Life, jobId: bigint, signature: Hex, answer: Hex = evidence) =>
  life.network.call(user, "jobRegistry", "disputeResponseMismatch", [jobId, answer, signature]);

/** A user's prepaid balance, of which the delegate may spend a part. */
async function delegated({ network }: Life, deposit: bigint, allowance: bigint): Promise<void> {
  await network.send(user, "jobRegistry", "deposit", [], deposit);
  await network.send(user, "jobRegistry", "setDelegateAuthorization", [delegate, true]);
  await network.send(user, "jobRegistry", "setDelegateAllowance", [delegate, allowance]);
}
const onBehalf = ({ network }: Life, sessionId: bigint) =>
  network.call(delegate, "jobRegistry", "submitJobOnBehalf", [user, sessionId, promptHash]);

export const jobRefusals: Refusal[] = [
  ...onUnknownJobs,
  ...inWrongStates,
  [
    "a job that is paid too little",
    "InsufficientFee",
    async (life) => {
      const sessionId = await life.session();
      const call = life.network.call(user, "jobRegistry", "submitJob", [sessionId, promptHash], fee - 1n);
      return refused(call, fee, fee - 1n);
    },
  ],
  [
    "a job in somebody else's session",
    "NotSessionOwner",
    async (life) => {
      const sessionId = await life.session();
      const call = life.network.call(stranger, "jobRegistry", "submitJob", [sessionId, promptHash], fee);
      return refused(call, sessionId, stranger, user);
    },
  ],
  [
    "a job on behalf of a user who did not allow it",
    "NotAuthorizedDelegate",
    async (life) => refused(onBehalf(life, await life.session()), user, delegate),
  ],
  [
    "a job on behalf beyond the allowance",
    "InsufficientDelegateAllowance",
    async (life) => {
      const sessionId = await life.session();
      await delegated(life, lcai("1"), fee - 1n);
      return refused(onBehalf(life, sessionId), user, delegate, fee, fee - 1n);
    },
  ],
  [
    "a job on behalf beyond the balance",
    "InsufficientBalance",
    async (life) => {
      const sessionId = await life.session();
      await delegated(life, fee - 1n, lcai("1"));
      return refused(onBehalf(life, sessionId), user, fee, fee - 1n);
    },
  ],
  [
    "acknowledging another worker's job",
    "NotJobWorker",
    async (life) => {
      const jobId = await life.submitted();
      return refused(life.network.call(rival, "jobRegistry", "acknowledgeJob", [jobId]), jobId, rival, worker);
    },
  ],
  [
    "acknowledging too late",
    "DeadlineExceeded",
    async (life) => {
      const jobId = await life.submitted();
      const { deadline } = await life.job(jobId);
      await life.network.advance(ackTimeout + 3n);
      const call = life.network.call(worker, "jobRegistry", "acknowledgeJob", [jobId]);
      return refused(call, jobId, deadline, deadline + 3n);
    },
  ],
  [
    "completing another worker's job",
    "NotJobWorker",
    async (life) => {
      const jobId = await life.acknowledged();
      const call = life.network.call(rival, "jobRegistry", "completeJob", [jobId, responseHash, committed]);
      return refused(call, jobId, rival, worker);
    },
  ],
  [
    "completing too late",
    "DeadlineExceeded",
    async (life) => {
      const jobId = await life.acknowledged();
      const { deadline } = await life.job(jobId);
      await life.network.advance(completionTimeout + 1n);
      const call = life.network.call(worker, "jobRegistry", "completeJob", [jobId, responseHash, committed]);
      return refused(call, jobId, deadline, deadline + 1n);
    },
  ],
  [
    "completing without a ciphertext hash",
    "InvalidResponseCiphertextHash",
    async (life) => {
      const jobId = await life.acknowledged();
      return refused(life.network.call(worker, "jobRegistry", "completeJob", [jobId, responseHash, zeroHash]));
    },
  ],
  [
    "claiming a timeout at the deadline itself",
    "NotTimedOut",
    async (life) => {
      const jobId = await life.submitted();
      const { deadline } = await life.job(jobId);
      await life.network.advance(ackTimeout);
      return refused(life.network.call(keeper, "jobRegistry", "claimTimeout", [jobId]), jobId, deadline, deadline);
    },
  ],
  [
    "claiming a dispute's default while the disputer still has time",
    "DisputeResolutionNotTimedOut",
    async (life) => {
      const jobId = await life.disputed();
      const limit = (await life.network.now()) + 43_200n;
      await life.network.advance(43_200);
      return refused(life.network.call(keeper, "jobRegistry", "claimTimeout", [jobId]), jobId, limit, limit);
    },
  ],
  [
    "settling a stuck job one second early",
    "NoFaultWindowNotReached",
    async (life) => {
      const jobId = await life.submitted();
      const { deadline } = await life.job(jobId);
      const availableAt = deadline + 7_200n;
      await life.network.advance(ackTimeout + 7_199n);
      const call = life.network.call(keeper, "jobRegistry", "settleStuckJob", [jobId]);
      return refused(call, jobId, availableAt, availableAt - 1n);
    },
  ],
  [
    "releasing one second early",
    "DisputeWindowNotElapsed",
    async (life) => {
      const jobId = await life.completed();
      const end = (await life.network.now()) + disputeWindow;
      await life.network.advance(disputeWindow - 1n);
      return refused(life.network.call(worker, "jobRegistry", "releaseJob", [jobId]), jobId, end, end - 1n);
    },
  ],
  [
    "releasing a batch with one job that is released already",
    "JobNotInState",
    async (life) => {
      const jobId = await life.completed();
      await life.network.advance(disputeWindow);
      return refused(life.network.call(worker, "jobRegistry", "releaseJobs", [[jobId, jobId]]), jobId, 2, 6);
    },
  ],
  [
    "withdrawing earnings that are not there",
    "NoBalanceToWithdraw",
    async ({ network }) => refused(network.call(worker, "jobRegistry", "withdraw", []), worker),
  ],
  [
    "withdrawing earnings to an account that takes no value",
    "EtherTransferFailed",
    async (life) => {
      await life.released();
      await life.network.client.setCode({ address: worker, bytecode: refusing });
      return refused(life.network.call(worker, "jobRegistry", "withdraw", []));
    },
  ],
  [
    "disputing somebody else's job",
    "UnauthorizedDisputeCaller",
    async (life) => {
      const jobId = await life.completed();
      return refused(life.network.call(stranger, "jobRegistry", "disputeJob", [jobId], fee), jobId, stranger);
    },
  ],
  [
    "disputing with too small a bond",
    "InsufficientDisputeBond",
    async (life) => {
      const jobId = await life.completed();
      return refused(life.network.call(user, "jobRegistry", "disputeJob", [jobId], fee - 1n), fee, fee - 1n);
    },
  ],
  [
    "disputing after the window",
    "DisputeWindowExpired",
    async (life) => {
      const jobId = await life.completed();
      const end = (await life.network.now()) + disputeWindow;
      await life.network.advance(disputeWindow + 1n);
      return refused(life.network.call(user, "jobRegistry", "disputeJob", [jobId], fee), jobId, end, end + 1n);
    },
  ],
  [
    "proving a mismatch after the window",
    "DisputeWindowExpired",
    async (life) => {
      const jobId = await life.completed();
      const end = (await life.network.now()) + disputeWindow;
      const signature = await life.signAnswer(jobId, Buffer.from("another answer"));
      await life.network.advance(disputeWindow + 1n);
      return refused(mismatch(life, jobId, signature), jobId, end, end + 1n);
    },
  ],
  [
    "proving a mismatch with the committed answer itself",
    "NoBlobMismatch",
    async (life) => {
      const jobId = await life.completed();
      const signature = await life.signAnswer(jobId, ciphertext);
      return refused(mismatch(life, jobId, signature, `0x${ciphertext.toString("hex")}`), jobId);
    },
  ],
  [
    "proving a mismatch with another's signature",
    "InvalidWorkerSignature",
    async (life) => {
      const jobId = await life.completed();
      return refused(mismatch(life, jobId, await life.signAnswer(jobId, Buffer.from("another answer"), "rival")));
    },
  ],
  [
    "proving a mismatch with a signature still in wire form",
    "ECDSAInvalidSignature",
    async (life) => {
      const jobId = await life.completed();
      const signature = await life.signAnswer(jobId, Buffer.from("another answer"));
      const onTheWire: Hex = `0x${signature.slice(2, 130)}${signature.endsWith("1b") ? "00" : "01"}`;
      return refused(mismatch(life, jobId, onTheWire));
    },
  ],
  [
    "proving a mismatch with a cut-off signature",
    "ECDSAInvalidSignatureLength",
    async (life) => refused(mismatch(life, await life.completed(), "0x1234"), 2n),
  ],
  [
    "ruling on a dispute without being the disputer",
    "NotDisputer",
    async (life) => {
      const jobId = await life.disputed();
      const args = [jobId, true, responseHash, 0n] as const;
      return refused(life.network.call(stranger, "jobRegistry", "resolveDispute", args), stranger, disputer);
    },
  ],
  [
    "a deposit of nothing",
    "ZeroDeposit",
    async ({ network }) => refused(network.call(user, "jobRegistry", "deposit", [])),
  ],
  [
    "a deposit of nothing for a delegate",
    "ZeroDeposit",
    async ({ network }) => refused(network.call(user, "jobRegistry", "depositAndAuthorize", [delegate])),
  ],
  [
    "authorising nobody",
    "ZeroAddress",
    async ({ network }) => refused(network.call(user, "jobRegistry", "setDelegateAuthorization", [zero, true])),
  ],
  [
    "withdrawing more than the prepaid balance",
    "InsufficientBalance",
    async ({ network }) => {
      await network.send(user, "jobRegistry", "deposit", [], 5n);
      return refused(network.call(user, "jobRegistry", "withdrawBalance", [6n]), user, 6n, 5n);
    },
  ],
  [
    "claiming a refund that is not there",
    "NoPendingRefund",
    async ({ network }) => refused(network.call(user, "jobRegistry", "claimRefund", []), user),
  ],
  [
    "looking at a job that does not exist",
    "JobNotFound",
    async ({ network }) => refused(network.view("jobRegistry", "getJob", [99n]), 99n),
  ],
  [
    "pausing JobRegistry by a stranger",
    "NotGuardianOrOwner",
    async ({ network }) => refused(network.call(stranger, "jobRegistry", "pause", []), stranger),
  ],
  [
    "the fee of a model nobody configured",
    "ModelNotConfigured",
    async ({ network }) => refused(network.view("aiConfig", "calculateJobFee", [unknownModel]), unknownModel),
  ],
  [
    "recording a reputation by anybody but JobRegistry",
    "NotAuthorized",
    async ({ network }) =>
      refused(network.call(stranger, "reputationRegistry", "recordCompletion", [worker]), stranger),
  ],
  [
    "a model's fee set by a stranger",
    "OwnableUnauthorizedAccount",
    async ({ network }) => refused(network.call(stranger, "aiConfig", "setModelFee", [usual, 1n]), stranger),
  ],
];
