import { concatHex, keccak256, toHex } from "viem";
import { modelIdOf } from "../../../../protocol/model-id.js";
import { answerDigest, ciphertextHash } from "../../../../protocol/signature.js";
import { addresses } from "../../../../devnet/contracts/addresses.js";
import { type Address, type Hex, jobId as asJobId, sessionId as asSessionId } from "../../../../schema/units.js";
import { eventArgs, keys, lcai, models, type TestNetwork, who } from "./network.js";

export const usual = modelIdOf(models.usual.name);
export const small = modelIdOf(models.small.name);
export const fee = models.usual.fee;
export const minimum = lcai("5000");
export const ackTimeout = 90n;
export const completionTimeout = 120n;
export const disputeWindow = 86_400n;
/** Claim window of 8 blocks, one for the seed. */
export const wholeClaimWindow = 9;

/** Any 65 bytes that look like an uncompressed point. */
export const encryptionKey = concatHex(["0x04", toHex(7n, { size: 64 })]);
export const wrappedKey: Hex = `0x${"ab".repeat(125)}`;
export const otherWrappedKey: Hex = `0x${"cd".repeat(125)}`;
export const promptHash: Hex = `0x01${"11".repeat(31)}`;
export const responseHash: Hex = `0x01${"22".repeat(31)}`;
export const ciphertext = Buffer.from("the committed answer");
export const committed = ciphertextHash(ciphertext);
/** Code that refuses all value. */
export const refusing: Hex = "0x5f5ffd";

/** The usual steps of workers and users, each bringing the network from one named state to the next. */
export function lifeOn(network: TestNetwork) {
  const life = {
    network,

    async register(
      worker: Address = who.worker,
      stake: bigint = minimum,
      ids: readonly Hex[] = [usual],
    ): Promise<void> {
      await network.send(worker, "workerRegistry", "registerWorker", [encryptionKey], stake);
      for (const id of ids) await network.send(worker, "workerRegistry", "addSupportedModel", [id]);
    },
    async request(user: Address = who.user, id: Hex = usual, seconds = 3_600n): Promise<bigint> {
      const expiry = (await network.now()) + seconds;
      const receipt = await network.send(user, "sessionManager", "requestSession", [id, expiry]);
      return eventArgs(receipt, "SessionRequested")["reqId"] as bigint;
    },
    async requestRequiring(mask: bigint): Promise<bigint> {
      const args = [usual, (await network.now()) + 3_600n, mask] as const;
      const receipt = await network.send(who.user, "sessionManager", "requestSessionWithCapabilities", args);
      return eventArgs(receipt, "SessionRequested")["reqId"] as bigint;
    },
    async claim(worker: Address = who.worker, user: Address = who.user, id: Hex = usual): Promise<bigint> {
      const reqId = await life.request(user, id);
      await network.mine(wholeClaimWindow);
      await network.send(worker, "sessionManager", "claimSession", [reqId]);
      return reqId;
    },
    async openSession(worker: Address = who.worker, user: Address = who.user, id: Hex = usual): Promise<bigint> {
      const reqId = await life.claim(worker, user, id);
      const receipt = await network.send(user, "sessionManager", "provideSessionKey", [reqId, wrappedKey, "0x"]);
      return eventArgs(receipt, "SessionReady")["sessionId"] as bigint;
    },
    /** A registered worker with an open session. */
    async session(): Promise<bigint> {
      await life.register();
      return life.openSession();
    },
    async submit(sessionId: bigint, user: Address = who.user, value: bigint = fee): Promise<bigint> {
      const receipt = await network.send(user, "jobRegistry", "submitJob", [sessionId, promptHash], value);
      return eventArgs(receipt, "JobSubmitted")["jobId"] as bigint;
    },
    async acknowledge(jobId: bigint, worker: Address = who.worker): Promise<void> {
      await network.send(worker, "jobRegistry", "acknowledgeJob", [jobId]);
    },
    async complete(jobId: bigint, worker: Address = who.worker): Promise<void> {
      await network.send(worker, "jobRegistry", "completeJob", [jobId, responseHash, committed]);
    },
    /** A registered worker with a session whose job is submitted. */
    async submitted(): Promise<bigint> {
      return life.submit(await life.session());
    },
    async acknowledged(): Promise<bigint> {
      const jobId = await life.submitted();
      await life.acknowledge(jobId);
      return jobId;
    },
    async completed(): Promise<bigint> {
      const jobId = await life.acknowledged();
      await life.complete(jobId);
      return jobId;
    },
    /** One more, by a worker that may have been registered before. */
    async completedAgain(): Promise<bigint> {
      const isKnown = await network.read("workerRegistry", "isWorkerRegistered", [who.worker]);
      const jobId = await life.submit(await (isKnown ? life.openSession() : life.session()));
      await life.acknowledge(jobId);
      await life.complete(jobId);
      return jobId;
    },
    async disputed(): Promise<bigint> {
      const jobId = await life.completed();
      await network.send(who.user, "jobRegistry", "disputeJob", [jobId], fee);
      return jobId;
    },
    async timedOut(): Promise<bigint> {
      const jobId = await life.submitted();
      await network.advance(ackTimeout + 1n);
      await network.send(who.keeper, "jobRegistry", "claimTimeout", [jobId]);
      return jobId;
    },
    async released(): Promise<bigint> {
      const jobId = await life.completed();
      await network.advance(disputeWindow);
      await network.send(who.worker, "jobRegistry", "releaseJob", [jobId]);
      return jobId;
    },
    /** A registered worker that was suspended by its first offence. */
    async suspended(): Promise<void> {
      await network.set("aiConfig", "setSuspensionThreshold", [1n]);
      await life.timedOut();
    },

    job: (jobId: bigint) => network.read("jobRegistry", "getJob", [jobId]),
    getSession: (sessionId: bigint) => network.read("jobRegistry", "getSession", [sessionId]),
    activeJobs: (worker: Address = who.worker): Promise<bigint> =>
      network.read("workerRegistry", "getActiveJobCount", [worker]),
    stake: (worker: Address = who.worker): Promise<bigint> =>
      network.read("workerRegistry", "getWorkerStake", [worker]),
    isEligible: (worker: Address = who.worker, id: Hex = usual): Promise<boolean> =>
      network.read("workerRegistry", "isEligible", [worker, id]),

    /** The worker's signature under an answer, as it is on the wire of the relay, with the recovery byte contracts expect. */
    async signAnswer(jobId: bigint, answer: Uint8Array, signer: keyof typeof keys = "worker"): Promise<Hex> {
      const { sessionId } = await life.job(jobId);
      const raw = answerDigest(network.chainId, addresses.jobRegistry, asJobId(jobId), asSessionId(sessionId), answer);
      return keys[signer].signMessage({ message: { raw } });
    },
    /** The dispatcher's word on a new session, or on a session's new key. */
    async dispatcherSignature(
      of: { modelId: Hex } | { sessionId: bigint },
      terms: { user?: Address; worker?: Address; key?: Hex; expiry: bigint; signer?: keyof typeof keys },
    ): Promise<Hex> {
      const user = terms.user ?? who.user;
      const subject = "modelId" in of ? { name: "modelId", type: "bytes32" } : { name: "sessionId", type: "uint256" };
      const primaryType = "modelId" in of ? "CreateSession" : "UpdateSessionKey";
      return keys[terms.signer ?? "dispatcher"].signTypedData({
        domain: {
          name: "LightChain JobRegistry",
          version: "1",
          chainId: network.chainId,
          verifyingContract: addresses.jobRegistry,
        },
        types: {
          [primaryType]: [
            { name: "user", type: "address" },
            subject,
            { name: "worker", type: "address" },
            { name: "encWorkerKey", type: "bytes" },
            { name: "encDisputerKey", type: "bytes" },
            { name: "nonce", type: "uint256" },
            { name: "expiry", type: "uint256" },
          ],
        },
        primaryType,
        message: {
          user,
          ...of,
          worker: terms.worker ?? who.worker,
          encWorkerKey: terms.key ?? wrappedKey,
          encDisputerKey: "0x",
          nonce: await network.read("jobRegistry", "nonce", [user]),
          expiry: terms.expiry,
        },
      });
    },
    /** A session by the dispatcher's signature, of the usual model. */
    async dispatch(worker: Address = who.worker): Promise<bigint> {
      const expiry = (await network.now()) + 600n;
      const signature = await life.dispatcherSignature({ modelId: usual }, { worker, expiry });
      const args = [usual, worker, wrappedKey, "0x", signature, expiry] as const;
      const receipt = await network.send(who.user, "jobRegistry", "createSession", args);
      return eventArgs(receipt, "SessionCreated")["sessionId"] as bigint;
    },
  };
  return life;
}

export type Life = ReturnType<typeof lifeOn>;
export const unknownModel = keccak256("0x00");
