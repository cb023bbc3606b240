import { Hono } from "hono";
import { privateKeyToAccount } from "viem/accounts";
import type { Job } from "../../../abi/job.js";
import type { ConsumerChain } from "../../../devnet/consumer/chain.js";
import { createInbox, type FollowPorts, type PendingJob } from "../../../devnet/consumer/follow.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import { packBlob, versionedHash } from "../../../protocol/blob.js";
import { seal } from "../../../protocol/envelope.js";
import { encodeFrame, type ChunkKind } from "../../../protocol/frames.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { answerDigest, ciphertextHash, toFrameSignature } from "../../../protocol/signature.js";
import { blockTime, jobId, requestId, sessionId, wei } from "../../../schema/units.js";
import { utf8 } from "../../../protocol/go-text.js";

export const worker = privateKeyToAccount("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
export const stranger = privateKeyToAccount("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d");
export const key = new Uint8Array(32).map((_, i) => i);
export const job7 = jobId(7n);
export const session3 = sessionId(3n);
export const chainId = 8200;
export const jobRegistry = "0x531b3A87c5D785441B9cF55b98169F20FD9056a7" as const;

const ofJob = (job = job7) => ({ jobId: job, sessionId: session3, correlationId: "3-7", ts: 1767225600 });

export const chunk = (
  seq: number,
  text: string,
  over: { job?: typeof job7; kind?: ChunkKind; payload?: Uint8Array } = {},
): string =>
  encodeFrame({
    type: "chunk",
    kind: over.kind ?? "text",
    ...ofJob(over.job),
    seq,
    payload: over.payload ?? seal(key, utf8(text)),
  });

export async function complete(ciphertext: Uint8Array, by = worker, seq = 3): Promise<string> {
  const digest = answerDigest(chainId, jobRegistry, job7, session3, ciphertext);
  const signature = toFrameSignature(await by.signMessage({ message: { raw: digest } }));
  return encodeFrame({ type: "complete", ...ofJob(), seq, payload: ciphertext, signature });
}

/** A commitment that nobody computed: these tests are about finding a blob, not about its algebra. */
const commitment = new Uint8Array(48).fill(7);
const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString("hex")}`;

export const completedJob = (ciphertext: Uint8Array, over: Partial<Job> = {}): Job => ({
  sessionId: session3,
  worker: worker.address,
  state: "Completed",
  escrowedFee: wei(1n),
  promptBlobHash: `0x01${"00".repeat(31)}`,
  responseBlobHash: versionedHash(commitment),
  submittedAt: blockTime(1000n),
  ackTimestamp: blockTime(1002n),
  completedAt: blockTime(1010n),
  deadline: blockTime(1122n),
  disputeFiler: null,
  disputeBond: wei(0n),
  reExecutionBlobHash: null,
  similarityScore: 0n,
  disputeCreatedAt: null,
  responseCiphertextHash: ciphertextHash(ciphertext),
  submitBlockNumber: 100n,
  completionBlockNumber: 105n,
  ...over,
});
export const submittedJob = (over: Partial<Job> = {}): Job =>
  completedJob(new Uint8Array(), {
    state: "Submitted",
    responseBlobHash: null,
    responseCiphertextHash: null,
    completedAt: null,
    completionBlockNumber: null,
    ...over,
  });

/** A clock that moves only when somebody sleeps; `onSleep` is what happens meanwhile. */
export function steppedClock(onSleep: (now: number) => void = () => undefined) {
  let now = 0;
  return {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
      onSleep(now);
    },
  };
}

/**
 * A beacon node with one blob, in the block before the one that names it, and a slot missed in between.
 * @param fork after Fulu it refuses the older route for blobs, before it does not know the newer one
 */
export function beaconWith(payload: Uint8Array, fork: "electra" | "fulu" = "electra"): Hono {
  const header = (slot: number) => ({ header: { message: { slot: String(slot) } } });
  const blob = { index: "0", blob: hex(packBlob(payload)), kzg_commitment: hex(commitment) };
  const app = new Hono();
  app.get("/eth/v1/beacon/headers", (context) => context.json({ data: [] }));
  app.get("/eth/v1/beacon/headers/:id", (context) => {
    const id = context.req.param("id");
    const slots: Record<string, number> = { [rootOf(103n)]: 200, [rootOf(104n)]: 202, "202": 202, "203": 203 };
    const slot = slots[id];
    return slot === undefined ? context.json({ code: 404 }, 404) : context.json({ data: header(slot) });
  });
  app.get("/eth/v1/beacon/blob_sidecars/:slot", (context) =>
    fork === "fulu"
      ? context.json({ code: 400, message: "Use getBlobs" }, 400)
      : context.json({ data: context.req.param("slot") === "202" ? [blob] : [] }),
  );
  app.get("/eth/v1/beacon/blobs/:slot", (context) => {
    if (fork === "electra") return context.notFound();
    const isWanted = context.req.query("versioned_hashes") === versionedHash(commitment);
    return context.json({ data: context.req.param("slot") === "202" && isWanted ? [blob.blob] : [] });
  });
  return app;
}
const rootOf = (block: bigint): `0x${string}` => `0x${block.toString(16).padStart(64, "0")}`;

/** What following needs, around a chain that says `job()`. */
export function portsWith(
  job: () => Job,
  options: { time?: () => bigint; clock?: FollowPorts["clock"] } = {},
): FollowPorts {
  const getBlock = async ({ blockNumber }: { blockNumber: bigint }) => ({
    parentBeaconBlockRoot: rootOf(blockNumber - 1n),
  });
  const chain = {
    client: { getBlock },
    job: async () => job(),
    head: async () => ({ number: 110n, time: blockTime(options.time?.() ?? 1020n) }),
  } as unknown as ConsumerChain;
  const kzg = { commitment: () => commitment };
  return { chain, chainId, jobRegistry, beaconUrl: "http://beacon", kzg, clock: options.clock ?? steppedClock() };
}

export function pendingWith(texts: readonly string[], relay = true) {
  const inbox = createInbox();
  texts.forEach(inbox.put);
  const session: ConsumerSession = {
    id: session3,
    requestId: requestId(1n),
    model: "m",
    modelId: modelIdOf("m"),
    worker: worker.address,
    key,
    transactions: ["0x", "0x"],
    timings: { requested: 0, claimed: 0, ready: 0 },
  };
  const state = { abandoned: 0 };
  const pending: PendingJob = {
    jobId: job7,
    session,
    transactions: { blob: "0x", submit: "0x" },
    timings: { blobMined: 0, submitted: 0 },
    begun: 0,
    inbox,
    relay: relay ? { ready: async () => undefined, close: async () => undefined } : null,
    abandon: async () => {
      state.abandoned += 1;
    },
  };
  return { pending, inbox, state };
}
