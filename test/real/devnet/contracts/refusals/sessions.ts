import { addresses } from "../../../../../devnet/contracts/addresses.js";
import type { Hex } from "../../../../../schema/units.js";
import { ackTimeout, fee, type Life, otherWrappedKey, promptHash, small, usual, wrappedKey } from "../life.js";
import { type keys, who } from "../network.js";
import { type Refusal, refused } from "./refusal.js";

const { worker, rival, user, stranger } = who;

/** `createSession` as the dispatcher signed it, but for what is changed. */
async function created(
  life: Life,
  change: {
    expiry?: bigint;
    key?: Hex;
    value?: bigint;
    signature?: Hex;
    signer?: keyof typeof keys;
    worker?: Hex;
  } = {},
) {
  const expiry = change.expiry ?? (await life.network.now()) + 600n;
  const key = change.key ?? wrappedKey;
  const terms = { expiry, key, signer: change.signer ?? "dispatcher", worker: change.worker ?? worker } as const;
  const signature = change.signature ?? (await life.dispatcherSignature({ modelId: usual }, terms));
  const args = [usual, terms.worker, key, "0x", signature, expiry] as const;
  return life.network.call(user, "jobRegistry", "createSession", args, change.value ?? 0n);
}

/** `updateSessionKey` of an open session as the dispatcher signed it, but for what is changed. */
async function updated(
  life: Life,
  change: { expiry?: bigint; key?: Hex; signer?: keyof typeof keys; session?: bigint; from?: Hex } = {},
) {
  await life.register();
  const sessionId = await life.dispatch();
  const expiry = change.expiry ?? (await life.network.now()) + 600n;
  const terms = { expiry, key: otherWrappedKey, signer: change.signer ?? "dispatcher" } as const;
  const signature = await life.dispatcherSignature({ sessionId: change.session ?? sessionId }, terms);
  const args = [sessionId, change.key ?? otherWrappedKey, "0x", signature, expiry] as const;
  return { sessionId, call: life.network.call(change.from ?? user, "jobRegistry", "updateSessionKey", args) };
}

/** A dispatched session whose worker missed a job. */
async function failed(life: Life): Promise<bigint> {
  await life.register();
  const sessionId = await life.dispatch();
  const jobId = await life.submit(sessionId);
  await life.network.advance(ackTimeout + 1n);
  await life.network.send(who.keeper, "jobRegistry", "claimTimeout", [jobId]);
  return sessionId;
}

/** An s above half of the curve's order: the twin of a signature, which would make each signature two. */
const highS: Hex = `0x${"11".repeat(32)}${"ff".repeat(32)}1b`;

export const sessionRefusals: Refusal[] = [
  [
    "creating a session with value",
    "UnexpectedETH",
    async (life) => {
      await life.register();
      return refused(await created(life, { value: 1n }));
    },
  ],
  [
    "creating a session of a disabled model",
    "ModelDisabled",
    async (life) => {
      await life.register();
      await life.network.set("aiConfig", "disableModel", [usual]);
      return refused(await created(life), usual);
    },
  ],
  [
    "creating a session with a worker outside the model's set",
    "WorkerNotEligible",
    async (life) => refused(await created(life, { worker: rival }), rival, usual),
  ],
  [
    "creating a session with a late signature",
    "SignatureExpired",
    async (life) => {
      await life.register();
      const now = await life.network.now();
      return refused(await created(life, { expiry: now - 1n }), now - 1n, now);
    },
  ],
  [
    "creating a session with somebody else's signature",
    "InvalidDispatcherSignature",
    async (life) => {
      await life.register();
      return refused(await created(life, { signer: "stranger" }));
    },
  ],
  [
    "creating a second session with the first one's signature",
    "InvalidDispatcherSignature",
    async (life) => {
      await life.register();
      const call = await created(life);
      await life.network.sendCall(call);
      return refused(call);
    },
  ],
  [
    "creating a session with a signature that was made for somebody else",
    "InvalidDispatcherSignature",
    async (life) => {
      await life.register();
      return refused({ ...(await created(life)), from: stranger });
    },
  ],
  [
    "creating a session with another key than the dispatcher signed",
    "InvalidDispatcherSignature",
    async (life) => {
      await life.register();
      const expiry = (await life.network.now()) + 600n;
      const signature = await life.dispatcherSignature({ modelId: usual }, { expiry, key: otherWrappedKey });
      return refused(await created(life, { expiry, signature }));
    },
  ],
  [
    "creating a session with the signature for another session's key",
    "InvalidDispatcherSignature",
    async (life) => {
      await life.register();
      const expiry = (await life.network.now()) + 600n;
      const signature = await life.dispatcherSignature({ sessionId: BigInt(usual) }, { expiry });
      return refused(await created(life, { expiry, signature }));
    },
  ],
  [
    "creating a session with a cut-off signature",
    "ECDSAInvalidSignatureLength",
    async (life) => {
      await life.register();
      return refused(await created(life, { signature: "0x1234" }), 2n);
    },
  ],
  [
    "creating a session with a signature of high s",
    "ECDSAInvalidSignatureS",
    async (life) => {
      await life.register();
      return refused(await created(life, { signature: highS }), `0x${"ff".repeat(32)}`);
    },
  ],
  [
    "creating a session with a wire signature, whose recovery byte is 0 or 1",
    "ECDSAInvalidSignature",
    async (life) => {
      await life.register();
      return refused(await created(life, { signature: `0x${"11".repeat(64)}00` }));
    },
  ],
  [
    "creating a session with a key of the wrong length",
    "InvalidSessionKey",
    async (life) => {
      await life.register();
      return refused(await created(life, { key: "0xab" }));
    },
  ],
  [
    "adopting a session by anybody but SessionManager",
    "NotSessionManager",
    async ({ network }) =>
      refused(network.call(user, "jobRegistry", "adoptSession", [user, usual, worker, wrappedKey, "0x"])),
  ],
  [
    "adopting a session while sortition is off",
    "SortitionDisabled",
    async ({ network }) => {
      await network.set("aiConfig", "setSortitionEnabled", [false]);
      const args = [user, usual, worker, wrappedKey, "0x"] as const;
      return refused(network.call(addresses.sessionManager, "jobRegistry", "adoptSession", args));
    },
  ],
  [
    "closing somebody else's session",
    "NotSessionOwner",
    async (life) => {
      const sessionId = await life.session();
      return refused(
        life.network.call(stranger, "jobRegistry", "closeSession", [sessionId]),
        sessionId,
        stranger,
        user,
      );
    },
  ],
  [
    "closing a session twice",
    "SessionNotActive",
    async (life) => {
      const sessionId = await life.session();
      await life.network.send(user, "jobRegistry", "closeSession", [sessionId]);
      return refused(life.network.call(user, "jobRegistry", "closeSession", [sessionId]), sessionId);
    },
  ],
  [
    "closing a session that does not exist",
    "SessionNotFound",
    async ({ network }) => refused(network.call(user, "jobRegistry", "closeSession", [99n]), 99n),
  ],
  [
    "a job for a session that does not exist",
    "SessionNotFound",
    async ({ network }) => refused(network.call(user, "jobRegistry", "submitJob", [99n, promptHash], fee), 99n),
  ],
  [
    "a job for a closed session",
    "SessionNotActive",
    async (life) => {
      const sessionId = await life.session();
      await life.network.send(user, "jobRegistry", "closeSession", [sessionId]);
      return refused(life.network.call(user, "jobRegistry", "submitJob", [sessionId, promptHash], fee), sessionId);
    },
  ],
  [
    "a job for a session whose worker missed one",
    "SessionNotActive",
    async (life) => {
      const { sessionId } = await life.job(await life.timedOut());
      return refused(life.network.call(user, "jobRegistry", "submitJob", [sessionId, promptHash], fee), sessionId);
    },
  ],
  [
    "reassigning a session whose worker did nothing wrong",
    "SessionNotReassigning",
    async (life) => {
      const sessionId = await life.session();
      return refused(life.network.call(user, "jobRegistry", "reassignSession", [sessionId]), sessionId);
    },
  ],
  [
    "reassigning somebody else's session",
    "NotSessionOwner",
    async (life) => {
      const sessionId = await failed(life);
      const call = life.network.call(stranger, "jobRegistry", "reassignSession", [sessionId]);
      return refused(call, sessionId, stranger, user);
    },
  ],
  [
    "reassigning where no other worker serves the model",
    "NoAvailableWorker",
    async (life) => {
      const sessionId = await failed(life);
      return refused(life.network.call(user, "jobRegistry", "reassignSession", [sessionId]), usual);
    },
  ],
  [
    "reassigning once more than the network allows",
    "MaxReassignmentsExceeded",
    async (life) => {
      await life.network.set("aiConfig", "setMaxReassignments", [0n]);
      const sessionId = await failed(life);
      return refused(life.network.call(user, "jobRegistry", "reassignSession", [sessionId]), sessionId, 0n);
    },
  ],
  [
    "a new key for a session that waits for another worker",
    "SessionNotReassigning",
    async (life) => {
      const sessionId = await failed(life);
      const args = [sessionId, wrappedKey, "0x", "0x", 0n] as const;
      return refused(life.network.call(user, "jobRegistry", "updateSessionKey", args), sessionId);
    },
  ],
  [
    "a new key for a closed session",
    "SessionNotActive",
    async (life) => {
      const sessionId = await life.session();
      await life.network.send(user, "jobRegistry", "closeSession", [sessionId]);
      const args = [sessionId, wrappedKey, "0x", "0x", 0n] as const;
      return refused(life.network.call(user, "jobRegistry", "updateSessionKey", args), sessionId);
    },
  ],
  [
    "a new key that the dispatcher signed for another worker",
    "InvalidDispatcherSignature",
    async (life) => {
      await life.register();
      const sessionId = await life.dispatch();
      const expiry = (await life.network.now()) + 600n;
      const signature = await life.dispatcherSignature({ sessionId }, { worker: rival, expiry });
      const args = [sessionId, wrappedKey, "0x", signature, expiry] as const;
      return refused(life.network.call(user, "jobRegistry", "updateSessionKey", args));
    },
  ],
  [
    "a new key with a late signature",
    "SignatureExpired",
    async (life) => {
      const expiry = (await life.network.now()) - 1n;
      const { call } = await updated(life, { expiry });
      return refused(call, expiry, await life.network.now());
    },
  ],
  [
    "a new key with somebody else's signature",
    "InvalidDispatcherSignature",
    async (life) => refused((await updated(life, { signer: "stranger" })).call),
  ],
  [
    "a new key that is another than the dispatcher signed",
    "InvalidDispatcherSignature",
    async (life) => refused((await updated(life, { key: wrappedKey })).call),
  ],
  [
    "a new key that the dispatcher signed for another session",
    "InvalidDispatcherSignature",
    async (life) => refused((await updated(life, { session: 99n })).call),
  ],
  [
    "a new key with a signature that was used before",
    "InvalidDispatcherSignature",
    async (life) => {
      const { call } = await updated(life);
      await life.network.sendCall(call);
      return refused(call);
    },
  ],
  [
    "a new key of the wrong length",
    "InvalidSessionKey",
    async (life) => {
      await life.register();
      const sessionId = await life.dispatch();
      const expiry = (await life.network.now()) + 600n;
      const signature = await life.dispatcherSignature({ sessionId }, { expiry, key: "0xab" });
      const args = [sessionId, "0xab", "0x", signature, expiry] as const;
      return refused(life.network.call(user, "jobRegistry", "updateSessionKey", args));
    },
  ],
  [
    "a new key for somebody else's session",
    "NotSessionOwner",
    async (life) => {
      const { call, sessionId } = await updated(life, { from: stranger });
      return refused(call, sessionId, stranger, user);
    },
  ],
  [
    "looking at a session that does not exist",
    "SessionNotFound",
    async ({ network }) => refused(network.view("jobRegistry", "getSession", [99n]), 99n),
  ],
  [
    "choosing a worker where there is none",
    "NoEligibleWorkers",
    async ({ network }) => refused(network.view("workerRegistry", "selectEligibleWorker", [small, [], 7n])),
  ],
];
