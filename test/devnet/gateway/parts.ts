import { privateKeyToAccount } from "viem/accounts";
import { Faults } from "../../../devnet/faults.js";
import { createChallenges } from "../../../devnet/gateway/challenges.js";
import type { GatewayParts } from "../../../devnet/gateway/parts.js";
import { createJobQueue } from "../../../devnet/gateway/job-queue.js";
import { createRelay } from "../../../devnet/gateway/relay.js";
import { createTokens } from "../../../devnet/gateway/tokens.js";
import { createWorkers } from "../../../devnet/gateway/workers.js";
import { encodeFrame, type CompleteFrame } from "../../../protocol/frames.js";
import { answerDigest, toFrameSignature } from "../../../protocol/signature.js";
import { jobId, sessionId, type Address, type Hex } from "../../../schema/units.js";
import { createLogger } from "../../../system/log.js";

/** Public development keys, of nobody. */
export const worker = privateKeyToAccount("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
export const stranger = privateKeyToAccount("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d");
export const consumer = privateKeyToAccount("0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a");

export const chain = {
  rpcUrl: "http://127.0.0.1:1",
  chainId: 8200,
  jobRegistry: "0x531b3A87c5D785441B9cF55b98169F20FD9056a7",
  workerRegistry: "0x0000000000000000000000000000000000001002",
} as const;

/** A clock that stands still until it is moved. */
export class HeldClock {
  ms = Date.UTC(2026, 0, 1);
  now = (): number => this.ms;
  sleep = async (ms: number): Promise<void> => {
    this.ms += ms;
  };
}

/** A gateway's parts around a chain that knows {@link worker} and, as session 42, one of {@link consumer}. */
export function partsWith(over: Partial<GatewayParts> = {}) {
  const clock = new HeldClock();
  const parts = {
    chain,
    view: {
      isWorkerRegistered: async (address: Address) => address === worker.address,
      ownerOf: async (session: bigint) => (session === 42n ? consumer.address : undefined),
    },
    challenges: createChallenges(clock),
    tokens: createTokens(clock),
    workers: createWorkers(clock),
    relay: createRelay(),
    jobs: createJobQueue({ now: () => clock.now(), onGivenUp: () => undefined }),
    faults: new Faults(),
    log: createLogger("gateway", { level: "silent" }),
    ...over,
  } satisfies Partial<GatewayParts>;
  return { ...parts, clock };
}

/** The end of an answer, signed for the chain of these tests. */
export async function completeFrame(
  options: { by?: typeof worker; registry?: Address; job?: bigint; session?: bigint; payload?: Uint8Array } = {},
): Promise<CompleteFrame> {
  const frame = {
    type: "complete" as const,
    jobId: jobId(options.job ?? 1001n),
    sessionId: sessionId(options.session ?? 42n),
    seq: 3,
    payload: options.payload ?? Buffer.from("sealed bytes"),
    correlationId: "42-1001",
    ts: 1767225600,
  };
  const digest = answerDigest(
    chain.chainId,
    options.registry ?? chain.jobRegistry,
    frame.jobId,
    frame.sessionId,
    frame.payload,
  );
  const signature = await (options.by ?? worker).signMessage({ message: { raw: digest } });
  return { ...frame, signature: toFrameSignature(signature) };
}

export const chunkText = (seq: number, over: object = {}): string =>
  encodeFrame({
    type: "chunk",
    kind: "text",
    jobId: jobId(1001n),
    sessionId: sessionId(42n),
    seq,
    payload: Buffer.from(`piece ${seq}`),
    correlationId: "42-1001",
    ts: 1767225600,
    ...over,
  });

/** The same signature with another last byte. */
export const endingIn = (signature: Hex, parity: 0 | 27): Hex =>
  `${signature.slice(0, 130)}${((parseInt(signature.slice(130), 16) % 27) + parity).toString(16).padStart(2, "0")}` as Hex;
