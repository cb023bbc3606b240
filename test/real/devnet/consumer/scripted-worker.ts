import { once } from "node:events";
import { encodeFunctionData, parseEther, type Abi } from "viem";
import { privateKeyToAccount, generatePrivateKey } from "viem/accounts";
import { WebSocket } from "ws";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { sessionManagerAbi } from "../../../../abi/session-manager.js";
import { workerRegistryAbi } from "../../../../abi/worker-registry.js";
import { readBlob } from "../../../../devnet/consumer/blob-reader.js";
import { readChain } from "../../../../devnet/consumer/chain.js";
import type { Kzg } from "../../../../system/kzg.js";
import { createSender } from "../../../../devnet/consumer/sender.js";
import type { Devnet } from "../../../../devnet/network.js";
import { newEncryptionKeyPair } from "../../../../protocol/encryption-key.js";
import { open, seal } from "../../../../protocol/envelope.js";
import { correlationIdOf, encodeFrame } from "../../../../protocol/frames.js";
import { utf8 } from "../../../../protocol/go-text.js";
import { encodeHeartbeat } from "../../../../protocol/heartbeat.js";
import {
  encodeJobReply,
  JOB_STREAM_PATH,
  parseJobMessage,
  type JobPayload,
  type JobStreamReply,
} from "../../../../protocol/job-stream.js";
import { modelIdOf } from "../../../../protocol/model-id.js";
import { unwrapSessionKey } from "../../../../protocol/session-key.js";
import { answerDigest, ciphertextHash, toFrameSignature } from "../../../../protocol/signature.js";
import { requestId, wei, type Hex, type JobId, type SessionId } from "../../../../schema/units.js";
import { systemClock } from "../../../../system/clock.js";

/** A worker that does by hand, step by step, what its test asks for: registered for one model and streaming to the gateway. */
export async function startScriptedWorker(devnet: Devnet, kzg: Kzg, model: string) {
  const { network } = devnet;
  const account = privateKeyToAccount(generatePrivateKey());
  const keys = newEncryptionKeyPair();
  const chain = await readChain(network);
  const { workerRegistry, jobRegistry } = chain.contracts;
  const sessionManager = chain.contracts.sessionManager!;
  const sender = createSender(network, chain.client, account, kzg);
  const send = (to: Hex, abi: Abi, functionName: string, args: readonly unknown[], value = 0n) =>
    sender.call(functionName, to, encodeFunctionData({ abi, functionName, args }), wei(value));

  const treasury = createSender(network, chain.client, privateKeyToAccount(devnet.accounts.treasury.privateKey), kzg);
  await treasury.call("fund the worker", account.address, "0x", wei(parseEther("6010")));
  await send(workerRegistry, workerRegistryAbi, "registerWorker", [hex(keys.publicKey)], parseEther("6000"));
  await send(workerRegistry, workerRegistryAbi, "addSupportedModel", [modelIdOf(model)]);

  const newToken = async () => ({ authorization: `Bearer ${await logIn(network.endpoints.gateway, account)}` });
  let authorization = await newToken();
  const connect = async (path: string): Promise<WebSocket> => {
    const opened = new WebSocket(`${network.endpoints.gateway.replace("http", "ws")}${path}`, {
      headers: authorization,
    });
    await once(opened, "open");
    return opened;
  };
  const sockets: WebSocket[] = [];
  const socket = await connect("/api/stream/responses");
  sockets.push(socket);
  return {
    address: account.address,
    stop: () => {
      for (const opened of sockets) opened.terminate();
    },

    /** Logs in again, at a gateway that was started anew. */
    async relog(): Promise<void> {
      authorization = await newToken();
    },

    /** Tells the gateway what it may be given. */
    async beat(activeJobs = 0): Promise<void> {
      const body = encodeHeartbeat({ activeJobs, maxJobs: 2, models: [modelIdOf(model)], capabilities: [] });
      const headers = { ...authorization, "content-type": "application/json" };
      const { status } = await fetch(`${network.endpoints.gateway}/api/heartbeat`, { method: "POST", headers, body });
      if (status !== 204) throw new Error(`the heartbeat was answered with ${status}`);
    },

    /** Connects to the job stream and says that it is ready; `heard` grows with each offer. */
    async takeJobs(slots = 2) {
      const stream = await connect(JOB_STREAM_PATH);
      sockets.push(stream);
      const heard: JobPayload[] = [];
      stream.on("message", (data: Buffer) => {
        const message = parseJobMessage(data.toString());
        if (message.type === "job") heard.push(message.payload);
      });
      const say = (reply: JobStreamReply): void => stream.send(encodeJobReply(reply));
      say({ type: "ready", slots });
      return { heard, say, cut: () => stream.terminate() };
    },

    /** Claims the next request as soon as it may. */
    async claimNext(): Promise<void> {
      const from = (await chain.head()).number;
      const event = { address: sessionManager, abi: sessionManagerAbi, eventName: "SessionRequested" } as const;
      const id = await until(async () => {
        const [log] = await chain.client.getContractEvents({ ...event, fromBlock: from });
        return log?.args.reqId;
      });
      const eligible = { address: sessionManager, abi: sessionManagerAbi, functionName: "eligibleNow" } as const;
      await until(
        async () => (await chain.client.readContract({ ...eligible, args: [id, account.address] })) || undefined,
      );
      await send(sessionManager, sessionManagerAbi, "claimSession", [requestId(id)]);
    },

    /** Reads a job's prompt as a worker does. */
    async prompt(job: JobId) {
      const { sessionId, promptBlobHash, submitBlockNumber } = await chain.job(job);
      const session = await chain.session(sessionId);
      const key = unwrapSessionKey(Buffer.from(session.encWorkerKey.slice(2), "hex"), keys);
      const place = { client: chain.client, beaconUrl: network.endpoints.beacon, kzg, clock: systemClock };
      const sealed = await readBlob(place, promptBlobHash!, submitBlockNumber);
      return { text: Buffer.from(open(key, sealed!)).toString(), key, sessionId };
    },

    acknowledge: (job: JobId) => send(jobRegistry, jobRegistryAbi, "acknowledgeJob", [job]),

    /** Streams pieces of an answer. */
    stream(job: JobId, sessionId: SessionId, key: Uint8Array, pieces: readonly string[]): void {
      pieces.forEach((piece, at) => {
        const common = { jobId: job, sessionId, correlationId: correlationIdOf(sessionId, job), ts: 1 };
        const payload = seal(key, utf8(piece));
        socket.send(encodeFrame({ type: "chunk", kind: "text", ...common, seq: at + 1, payload }));
      });
    },

    /** Signs and sends the end of an answer. */
    async end(job: JobId, sessionId: SessionId, ciphertext: Uint8Array, seq: number): Promise<void> {
      const digest = answerDigest(network.chainId, jobRegistry, job, sessionId, ciphertext);
      const signature = toFrameSignature(await account.signMessage({ message: { raw: digest } }));
      const common = { jobId: job, sessionId, correlationId: correlationIdOf(sessionId, job), ts: 1 };
      socket.send(encodeFrame({ type: "complete", ...common, seq, payload: ciphertext, signature }));
    },

    /** Puts a ciphertext on the chain and completes the job with it. */
    async settle(job: JobId, ciphertext: Uint8Array): Promise<void> {
      const { versionedHash } = await sender.blob("publish the answer", ciphertext);
      await send(jobRegistry, jobRegistryAbi, "completeJob", [job, versionedHash, ciphertextHash(ciphertext)]);
    },
  };
}

async function logIn(gatewayUrl: string, account: ReturnType<typeof privateKeyToAccount>): Promise<string> {
  const { message } = (await (await fetch(`${gatewayUrl}/api/auth/challenge`)).json()) as { message: string };
  const body = JSON.stringify({ message, signature: await account.signMessage({ message }) });
  const verified = await fetch(`${gatewayUrl}/api/auth/verify`, { method: "POST", body });
  return ((await verified.json()) as { token: string }).token;
}

async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 120_000; Date.now() < end;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await systemClock.sleep(50);
  }
  throw new Error("did not happen in two minutes");
}

const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;
