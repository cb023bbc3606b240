import { keccak256, serializeTransaction, toHex } from "viem";
import type { Signer } from "../../../keystore/store.js";
import type { BuiltBlob } from "../../../sidecar/ports.js";
import type { Address, Hash } from "../../../schema/units.js";

/** Makes well-formed transactions whose signature is made up: the simulated node knows one account only. Deterministic, as RFC 6979 is. */
export function simulatedSigner(address: Address): Signer {
  return {
    address,
    signTransaction: async (transaction) => {
      const { type } = transaction;
      const unsigned =
        type === "legacy" ? transaction : { ...transaction, sidecars: [transaction.sidecar], accessList: [] };
      const digest = keccak256(
        toHex(JSON.stringify(unsigned, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value))),
      );
      const signature = { r: digest, s: `0x${"11".repeat(32)}` as const, yParity: 0 as const, v: 27n };
      return type === "legacy"
        ? serializeTransaction(
            { ...transaction, type: "legacy" },
            { ...signature, v: BigInt(transaction.chainId) * 2n + 35n },
          )
        : serializeTransaction(unsigned as never, signature);
    },
    signMessage: () => Promise.reject(new Error("nothing here signs messages")),
  };
}

/** A blob of the payload's own few bytes: the pools of the simulation look at no KZG. */
export async function simulatedBlob(payload: Uint8Array): Promise<BuiltBlob> {
  const digest = keccak256(payload);
  const versionedHash = `0x01${digest.slice(4)}` as Hash;
  return { blob: toHex(payload), commitment: digest, proof: digest, versionedHash };
}
