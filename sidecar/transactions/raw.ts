import { keccak256, parseTransaction } from "viem";
import type { SignableTransaction } from "../../keystore/store.js";
import type { Mined, SentTx } from "../../lifecycle/types.js";
import { wei, type Hash, type Hex } from "../../schema/units.js";

/** What a plain transaction does, apart from its price and place: enough to sign it again. */
export type PlainBody = Pick<Extract<SignableTransaction, { type: "legacy" }>, "to" | "data" | "value" | "gas">;
/** The same for a blob transaction. `sidecar` is gone once the blob's bytes were dropped. */
export interface BlobBody {
  readonly to: Hex;
  readonly gas: bigint;
  readonly versionedHash: Hash;
  readonly sidecar: { readonly blob: Hex; readonly commitment: Hex; readonly proof: Hex } | null;
}
/** wei per gas, or per blob gas. */
export interface PlainFees {
  readonly gasPrice: bigint;
}
export interface BlobFees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly maxFeePerBlobGas: bigint;
}
/** A transaction without its nonce: what a signer is to sign, and what is read back from signed bytes. */
export type Draft =
  | { readonly lane: "plain"; readonly body: PlainBody; readonly fees: PlainFees }
  | { readonly lane: "blob"; readonly body: BlobBody; readonly fees: BlobFees };

const blobType = "0x03";

/**
 * A signed blob transaction without blob, commitments and proofs: the form that goes into a block and that the hash is made of. Anything else comes back as it
 * is. Source: EIP-4844, networking form `0x03 || rlp([body, blobs, commitments, proofs])`.
 */
export function withoutBlob(raw: Hex): Hex {
  if (!raw.startsWith(blobType)) return raw;
  const outer = rlpHeader(raw, blobType.length);
  const inner = rlpHeader(raw, outer.start);
  return inner.isList ? `${blobType}${raw.slice(outer.start, inner.end)}` : raw;
}

/** The hash by which the chain knows a signed transaction. */
export const hashOf = (raw: Hex): Hash => keccak256(withoutBlob(raw));

/** Reads the bytes back that a signer made. @throws Error when they are neither of the two transaction classes we sign */
export function decodeRaw(raw: Hex): Draft {
  if (!raw.startsWith(blobType)) {
    const { to, data, value, gas, gasPrice } = parseTransaction(raw);
    if (!to || gas === undefined || gasPrice === undefined) throw new Error("not a plain transaction of ours");
    return { lane: "plain", body: { to, data: data ?? "0x", value: value ?? 0n, gas }, fees: { gasPrice } };
  }
  const parsed = parseTransaction(raw as `0x03${string}`);
  const { to, gas, maxFeePerGas, maxPriorityFeePerGas, maxFeePerBlobGas, sidecars } = parsed;
  const versionedHash = parsed.blobVersionedHashes?.[0];
  if (
    !to ||
    gas === undefined ||
    maxFeePerGas === undefined ||
    maxFeePerBlobGas === undefined ||
    versionedHash === undefined
  )
    throw new Error("not a blob transaction of ours");
  const sidecar = sidecars?.[0];
  return {
    lane: "blob",
    body: {
      to,
      gas,
      versionedHash,
      sidecar: sidecar === undefined || !("proof" in sidecar) ? null : sidecar,
    },
    fees: { maxFeePerGas, maxPriorityFeePerGas: maxPriorityFeePerGas ?? 0n, maxFeePerBlobGas },
  };
}

/** What a settled journal row says of its transaction. The gas follows from fee and price; a blob transaction of ours uses exactly its limit. */
export function minedOf(sent: SentTx): Mined {
  const decoded = decodeRaw(withoutBlob(sent.raw));
  const fee = sent.mined?.fee ?? wei(0n);
  const { gasPrice } = decoded.lane === "plain" ? decoded.fees : { gasPrice: 0n };
  return {
    hash: sent.hash,
    block: sent.mined?.block ?? 0n,
    status: sent.outcome === "mined" ? "success" : "reverted",
    gasUsed: gasPrice === 0n ? decoded.body.gas : fee / gasPrice,
    fee,
  };
}

/** Where an RLP item's content starts and ends in a hex string, as positions in the string. */
function rlpHeader(hex: string, at: number): { isList: boolean; start: number; end: number } {
  const byte = (position: number, bytes = 1): number => parseInt(hex.slice(position, position + 2 * bytes), 16);
  const first = byte(at);
  const isList = first >= 0xc0;
  const short = first - (isList ? 0xc0 : 0x80);
  if (short <= 55) return { isList, start: at + 2, end: at + 2 + 2 * Math.max(short, 0) };
  const lengthBytes = short - 55;
  const start = at + 2 + 2 * lengthBytes;
  return { isList, start, end: start + 2 * byte(at + 2, lengthBytes) };
}
