import type { Address } from "../../schema/units.js";
import type { WorkerFrame } from "../../protocol/frames.js";
import { answerDigest, recoverAnswerSigner } from "../../protocol/signature.js";
import type { GatewayChain } from "./chain-view.js";

/**
 * What is wrong with a well-formed frame of a logged-in worker, or `undefined`. Only the end of an answer is signed: by the worker itself, over
 * this chain's JobRegistry (sidecar reference §2.5).
 */
export async function objectionTo(
  frame: WorkerFrame,
  worker: Address,
  chain: Pick<GatewayChain, "chainId" | "jobRegistry">,
): Promise<string | undefined> {
  if (frame.type !== "complete") return undefined;
  const digest = answerDigest(chain.chainId, chain.jobRegistry, frame.jobId, frame.sessionId, frame.payload);
  try {
    const signer = await recoverAnswerSigner(digest, frame.signature);
    return signer === worker ? undefined : `the answer is signed by ${signer}, not by ${worker}`;
  } catch {
    return "the answer's signature is none";
  }
}
