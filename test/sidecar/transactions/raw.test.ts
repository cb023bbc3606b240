import { keccak256, serializeTransaction, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, test } from "vitest";
import type { PurposeId } from "../../../lifecycle/types.js";
import { wei, type Hex } from "../../../schema/units.js";
import { withSidecar, withoutSidecar, type ProofKind } from "../../../protocol/blob-transaction.js";
import { decodeRaw, hashOf, minedOf } from "../../../sidecar/transactions/raw.js";

const account = privateKeyToAccount("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const plain = {
  type: "legacy",
  chainId: 8200,
  nonce: 7,
  to: account.address,
  value: 5n,
  gas: 60_000n,
  gasPrice: 3n,
  data: "0xabcd",
} as const;
const sidecarWith = (kind: ProofKind) => ({
  blob: toHex(new Uint8Array(131_072).fill(7)),
  commitment: `0x${"c0".repeat(48)}` as const,
  kind,
  proofs: Array.from({ length: kind === "cells" ? 128 : 1 }, (_, at): Hex => toHex(at, { size: 48 })),
});
const blob = {
  type: "eip4844",
  chainId: 8200,
  nonce: 8,
  to: account.address,
  gas: 21_000n,
  maxFeePerGas: 100n,
  maxPriorityFeePerGas: 2n,
  maxFeePerBlobGas: 1n,
  blobVersionedHashes: [`0x01${"ab".repeat(31)}`],
} as const;
const signPlain = () => account.signTransaction(plain);
const signBlob = (): Promise<Hex> => account.signTransaction({ ...blob, sidecars: false });

describe("signed bytes", () => {
  test("of a plain transaction stay as they are and hash to its hash", async () => {
    const raw = await signPlain();
    expect(withoutSidecar(raw)).toBe(raw);
    expect(hashOf(raw)).toBe(keccak256(raw));
  });

  test.each<ProofKind>(["blob", "cells"])(
    "of a blob hash to its hash, with proofs of its %s beside them",
    async (kind) => {
      const bare = await signBlob();
      expect(hashOf(withSidecar(bare, sidecarWith(kind)))).toBe(keccak256(bare));
    },
  );

  test("are read back into what was signed", async () => {
    const { to, data, value, gas, gasPrice } = plain;
    expect(decodeRaw(await signPlain())).toEqual({
      lane: "plain",
      body: { to: to.toLowerCase(), data, value, gas },
      fees: { gasPrice },
    });
    const { maxFeePerGas, maxPriorityFeePerGas, maxFeePerBlobGas } = blob;
    const body = { to: to.toLowerCase(), gas: 21_000n, versionedHash: blob.blobVersionedHashes[0] };
    const fees = { maxFeePerGas, maxPriorityFeePerGas, maxFeePerBlobGas };
    const bare = await signBlob();
    for (const sidecar of [sidecarWith("blob"), sidecarWith("cells")])
      expect(decodeRaw(withSidecar(bare, sidecar))).toEqual({ lane: "blob", body: { ...body, sidecar }, fees });
    expect(decodeRaw(bare)).toEqual({ lane: "blob", body: { ...body, sidecar: null }, fees });
  });

  test("of another kind are nothing we signed", () =>
    expect(() => decodeRaw(serializeTransaction({ type: "eip1559", chainId: 1 }))).toThrow());

  test("tell the gas that a settled transaction used", async () => {
    const raw = await signPlain();
    const sent = {
      purpose: "p" as PurposeId,
      from: account.address,
      nonce: 7,
      hash: hashOf(raw),
      raw,
      lane: "plain",
      outcome: "reverted",
    } as const;
    expect(minedOf({ ...sent, mined: { block: 9n, fee: wei(3n * 41_000n) } })).toEqual({
      hash: hashOf(raw),
      block: 9n,
      status: "reverted",
      gasUsed: 41_000n,
      fee: 123_000n,
    });
  });
});
