import type { Job } from "../../abi/job.js";
import { answerDigest, ciphertextHash, recoverAnswerSigner } from "../../protocol/signature.js";
import type { Address, Hex, JobId } from "../../schema/units.js";

/** Whether a check held, or could not be made. A check that fails is a mismatch. */
export type Check = "held" | "failed" | "missing";

/** The three things that make an answer trustworthy (consumer reference §9). */
export interface Checks {
  /** The ciphertext is the one that the job committed to. */
  readonly commitment: Check;
  /** It is signed by the worker that the chain names. */
  readonly signature: Check;
  /** The blob on the chain holds the same bytes. */
  readonly availability: Check;
}

/** What there is to check: what the relay brought, and what the chain and its blobs hold. */
export interface Evidence {
  readonly chainId: number;
  readonly jobRegistry: Address;
  readonly jobId: JobId;
  readonly job: Job;
  /** What the relay's complete frame carried; `null` when none came, or an empty one. */
  readonly relayed: { readonly ciphertext: Uint8Array; readonly signature: Hex | null } | null;
  /** What the blob under the job's `responseBlobHash` holds; `null` when it was not found. */
  readonly stored: Uint8Array | null;
}

/** Checks an answer against the chain. Relay and blobs are believed in nothing that the chain does not confirm. */
export async function checkAnswer({ chainId, jobRegistry, jobId, job, relayed, stored }: Evidence): Promise<Checks> {
  const ciphertext = relayed?.ciphertext ?? stored;
  if (ciphertext === null) return { commitment: "missing", signature: "missing", availability: "missing" };
  const commitment = asCheck(ciphertextHash(ciphertext) === job.responseCiphertextHash);
  const availability = stored === null ? "missing" : asCheck(Buffer.compare(stored, ciphertext) === 0);
  const signature = relayed?.signature ?? null;
  if (signature === null) return { commitment, signature: "missing", availability };
  const digest = answerDigest(chainId, jobRegistry, jobId, job.sessionId, ciphertext);
  return { commitment, signature: asCheck((await signerOrNone(digest, signature)) === job.worker), availability };
}

/** Whether everything held. */
export const allHeld = (checks: Checks): boolean => Object.values(checks).every((check: Check) => check === "held");

/** What failed, in words. */
export function failures(checks: Checks): string[] {
  const words: Record<keyof Checks, string> = {
    commitment: "its bytes are not those that the worker committed to on the chain",
    signature: "it is not signed by the worker that the chain names",
    availability: "the blob on the chain holds other bytes",
  };
  return Object.entries(words).flatMap(([name, text]) => (checks[name as keyof Checks] === "failed" ? [text] : []));
}

const asCheck = (held: boolean): Check => (held ? "held" : "failed");

async function signerOrNone(digest: Hex, signature: Hex): Promise<Address | undefined> {
  try {
    return await recoverAnswerSigner(digest, signature);
  } catch {
    return undefined;
  }
}
