import { encodeFunctionData } from "viem";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { FrameError, parseRelayFrame } from "../../protocol/frames.js";
import { answerDigest, ciphertextHash, recoverAnswerSigner, toContractSignature } from "../../protocol/signature.js";
import { wei, type Hash, type Hex, type JobId } from "../../schema/units.js";
import type { ConsumerChain } from "./chain.js";
import { NoEvidence } from "./errors.js";
import type { ConsumerSender } from "./sender.js";

/** What one who disputes needs; whoever owns the sender's key is the filer. */
export interface DisputePorts {
  readonly chain: ConsumerChain;
  readonly chainId: number;
  readonly sender: ConsumerSender;
}

const bpsInAll = 10_000n;

/**
 * Disputes a completed job, with exactly the bond that the contract asks for: the escrowed fee times the bond multiplier, cut off to whole wei (contracts
 * reference §4.8).
 * @throws TransactionFailed (LF1034), for instance after the dispute window
 */
export async function disputeJob({ chain, sender }: DisputePorts, job: JobId): Promise<Hash> {
  const { aiConfig, jobRegistry } = chain.contracts;
  const [{ escrowedFee }, multiplier] = await Promise.all([
    chain.job(job),
    chain.client.readContract({ address: aiConfig, abi: aiConfigAbi, functionName: "getDisputeBondMultiplier" }),
  ]);
  const data = encodeFunctionData({ abi: jobRegistryAbi, functionName: "disputeJob", args: [job] });
  const bond = wei((escrowedFee * multiplier) / bpsInAll);
  return (await sender.call(`dispute job ${job}`, jobRegistry, data, bond)).transactionHash;
}

/**
 * Proves that a worker signed another answer than it committed: looks through a session's frames for an end of the job with the worker's signature over other bytes
 * than the committed ones, and shows it to the contract.
 * @param frames as the relay sent them
 * @throws NoEvidence (LF1037) when no frame is such a proof, TransactionFailed (LF1034)
 */
export async function proveMismatch(ports: DisputePorts, job: JobId, frames: readonly string[]): Promise<Hash> {
  const { chain, sender } = ports;
  const { jobRegistry } = chain.contracts;
  const evidence = await evidenceIn(ports, job, frames);
  if (evidence === undefined) throw new NoEvidence(job, frames.length);
  const data = encodeFunctionData({
    abi: jobRegistryAbi,
    functionName: "disputeResponseMismatch",
    args: [job, evidence.ciphertext, evidence.signature],
  });
  return (await sender.call(`prove that job ${job} was answered twice`, jobRegistry, data)).transactionHash;
}

async function evidenceIn(
  { chain, chainId }: DisputePorts,
  job: JobId,
  frames: readonly string[],
): Promise<{ readonly ciphertext: Hex; readonly signature: Hex } | undefined> {
  const { sessionId, worker, responseCiphertextHash } = await chain.job(job);
  for (const end of frames.flatMap((text) => endOf(text, job))) {
    if (ciphertextHash(end.payload) === responseCiphertextHash) continue;
    const digest = answerDigest(chainId, chain.contracts.jobRegistry, job, sessionId, end.payload);
    const signer = await recoverAnswerSigner(digest, end.signature).catch(() => undefined);
    if (signer !== worker) continue; // anybody can write a frame
    const ciphertext: Hex = `0x${Buffer.from(end.payload).toString("hex")}`;
    return { ciphertext, signature: toContractSignature(end.signature) };
  }
  return undefined;
}

/** The job's end that a frame carries, if it does, and if it is signed. */
function endOf(text: string, job: JobId): { readonly payload: Uint8Array; readonly signature: Hex }[] {
  try {
    const frame = parseRelayFrame(text);
    if (frame.type !== "complete" || frame.jobId !== job || frame.signature === null) return [];
    return [{ payload: frame.payload, signature: frame.signature }];
  } catch (error) {
    if (error instanceof FrameError) return [];
    throw error;
  }
}
