import { encodeAbiParameters, keccak256, parseAbiParameters, recoverMessageAddress } from "viem";
import type { Address, Hex, JobId, SessionId } from "../schema/units.js";

const answerTuple = parseAbiParameters("uint256, address, uint256, uint256, bytes");

/**
 * The 32 bytes a worker signs (as an EIP-191 message) to vouch for an answer: keccak256 of the ABI encoding of chain id, JobRegistry, job, session
 * and the whole ciphertext. A worker must never sign two different ciphertexts for one job: that is evidence against it (sidecar reference §2.5).
 */
export function answerDigest(
  chainId: number,
  jobRegistry: Address,
  jobId: JobId,
  sessionId: SessionId,
  ciphertext: Uint8Array,
): Hex {
  const encoded = encodeAbiParameters(answerTuple, [BigInt(chainId), jobRegistry, jobId, sessionId, toHex(ciphertext)]);
  return keccak256(encoded);
}

/** What `completeJob` commits to: keccak256 of the ciphertext, before it is packed into a blob. */
export const ciphertextHash = (ciphertext: Uint8Array): Hex => keccak256(ciphertext);

/**
 * Turns a 65-byte signature as libraries make it (last byte 27/28) into the form of the terminal frame (last byte 0/1). One in that form already
 * stays as it is.
 * @throws RangeError when it is no such signature
 */
export const toFrameSignature = (signature: Hex): Hex => withRecoveryByte(signature, 0);

/**
 * Turns a terminal frame's signature (last byte 0/1) into the form that contracts recover from (27/28). One in that form already stays as it is.
 * @throws RangeError when it is no such signature
 */
export const toContractSignature = (signature: Hex): Hex => withRecoveryByte(signature, 27);

/**
 * Who signed an answer. Accepts last bytes 0, 1, 27 and 28.
 * @param digest of {@link answerDigest}
 * @throws RangeError when it is no signature, or one the contract would refuse as malleable (high s)
 */
export async function recoverAnswerSigner(digest: Hex, signature: Hex): Promise<Address> {
  const canonical = toContractSignature(signature);
  if (BigInt(`0x${canonical.slice(66, 130)}`) > halfOrder) throw new RangeError("not a canonical signature: high s");
  return recoverMessageAddress({ message: { raw: digest }, signature: canonical });
}

/** Half of the order of secp256k1: above it, a signature has a lower twin. */
const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

function withRecoveryByte(signature: Hex, base: 0 | 27): Hex {
  const match = /^0x([0-9a-f]{128})(00|01|1b|1c)$/.exec(signature.toLowerCase());
  if (match?.[1] === undefined || match[2] === undefined)
    throw new RangeError("not a signature: 65 bytes, the last one 0, 1, 27 or 28");
  const parity = Number.parseInt(match[2], 16) % 27;
  return `0x${match[1]}${(parity + base).toString(16).padStart(2, "0")}`;
}

const toHex = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
