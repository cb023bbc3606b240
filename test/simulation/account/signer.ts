import { keccak256, serializeTransaction, toHex } from "viem";
import type { Signer } from "../../../keystore/store.js";
import type { Blobs } from "../../../sidecar/ports.js";
import type { Address, Hash, Hex } from "../../../schema/units.js";

/** Makes well-formed transactions whose signature is made up: the simulated node knows one account only. Deterministic, as RFC 6979 is. */
export function simulatedSigner(address: Address): Signer {
  return {
    address,
    signTransaction: async (transaction) => {
      const { type } = transaction;
      const unsigned = type === "legacy" ? transaction : { ...transaction, sidecars: false, accessList: [] };
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

/** Blobs of the payload's own few bytes: the pools of the simulation look at no KZG. */
export const simulatedBlobs: Pick<Blobs, "build" | "prove"> = {
  build: async (payload) => {
    const digest = keccak256(payload);
    return { blob: toHex(payload), commitment: pointOf(digest), versionedHash: `0x01${digest.slice(4)}` };
  },
  prove: async ({ commitment }, kind) => Array.from({ length: kind === "cells" ? 128 : 1 }, () => commitment),
};
const pointOf = (digest: Hash): Hex => `0x${digest.slice(2)}${"00".repeat(16)}`;
