import { keccak256, parseTransaction } from "viem";
import { sidecarOf, withoutSidecar, type BlobSidecar } from "../../protocol/blob-transaction.js";
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
  readonly sidecar: BlobSidecar | null;
}
/** wei per gas, or per blob gas. */
export interface PlainFees {
  readonly gasPrice: bigint;
}
/** What a blob's transaction may cost, wei per gas. */
export interface BlobFees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly maxFeePerBlobGas: bigint;
}
/** A transaction without its nonce: what a signer is to sign, and what is read back from signed bytes. */
export type Draft =
  | { readonly lane: "plain"; readonly body: PlainBody; readonly fees: PlainFees }
  | { readonly lane: "blob"; readonly body: BlobBody; readonly fees: BlobFees };

const isBlob = (raw: Hex): boolean => raw.startsWith("0x03");

/** The hash by which the chain knows a signed transaction. */
export const hashOf = (raw: Hex): Hash => keccak256(withoutSidecar(raw));

/** Reads back what was signed, and the sidecar beside it. @throws Error when it is neither of the two transaction classes we sign */
export function decodeRaw(raw: Hex): Draft {
  if (!isBlob(raw)) {
    const { to, data, value, gas, gasPrice } = parseTransaction(raw);
    if (!to || gas === undefined || gasPrice === undefined) throw new Error("not a plain transaction of ours");
    return { lane: "plain", body: { to, data: data ?? "0x", value: value ?? 0n, gas }, fees: { gasPrice } };
  }
  const sidecar = sidecarOf(raw);
  const parsed = parseTransaction(withoutSidecar(raw) as `0x03${string}`);
  const { to, gas, maxFeePerGas, maxPriorityFeePerGas, maxFeePerBlobGas } = parsed;
  const versionedHash = parsed.blobVersionedHashes?.[0];
  if (
    !to ||
    gas === undefined ||
    maxFeePerGas === undefined ||
    maxFeePerBlobGas === undefined ||
    versionedHash === undefined
  )
    throw new Error("not a blob transaction of ours");
  return {
    lane: "blob",
    body: { to, gas, versionedHash, sidecar },
    fees: { maxFeePerGas, maxPriorityFeePerGas: maxPriorityFeePerGas ?? 0n, maxFeePerBlobGas },
  };
}

/** What a settled journal row says of its transaction. The gas follows from fee and price; a blob transaction of ours uses exactly its limit. */
export function minedOf(sent: SentTx): Mined {
  const decoded = decodeRaw(withoutSidecar(sent.raw));
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
