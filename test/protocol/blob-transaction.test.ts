import { keccak256, parseTransaction, toHex, toRlp } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { beforeAll, describe, expect, test } from "vitest";
import {
  BlobTransactionError,
  proofsAskedFor,
  sidecarOf,
  withoutSidecar,
  withSidecar,
  type BlobSidecar,
  type ProofKind,
} from "../../protocol/blob-transaction.js";
import type { Hex } from "../../schema/units.js";

const account = privateKeyToAccount("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const blob = toHex(new Uint8Array(131_072).fill(7));
const commitment: Hex = `0x${"c0".repeat(48)}`;
const proofs = (count: number): Hex[] => Array.from({ length: count }, (_, at) => toHex(at + 1, { size: 48 }));
const sidecars: Record<ProofKind, BlobSidecar> = {
  blob: { blob, commitment, kind: "blob", proofs: proofs(1) },
  cells: { blob, commitment, kind: "cells", proofs: proofs(128) },
};
const short = Array.from({ length: 128 }, (): Hex => "0xc0");
const kinds: ProofKind[] = ["blob", "cells"];
const fields = {
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
let signed: Hex;
beforeAll(async () => {
  signed = await account.signTransaction({ ...fields, sidecars: false });
});

describe("a signed blob transaction", () => {
  test.each(kinds)("carries a sidecar with proofs of its %s there and back", (kind) => {
    const raw = withSidecar(signed, sidecars[kind]);
    expect(sidecarOf(raw)).toEqual(sidecars[kind]);
    expect(withoutSidecar(raw)).toBe(signed);
  });

  test("is the same transaction whichever proofs go with it", () => {
    const rewrapped = withSidecar(withoutSidecar(withSidecar(signed, sidecars.blob)), sidecars.cells);
    expect(rewrapped).toBe(withSidecar(signed, sidecars.cells));
    expect(keccak256(withoutSidecar(rewrapped))).toBe(keccak256(signed));
  });

  test("with a blob proof is what other libraries make of it (EIP-4844)", async () => {
    const sidecar = { blob, commitment, proof: sidecars.blob.proofs[0]! };
    expect(withSidecar(signed, sidecars.blob)).toBe(await account.signTransaction({ ...fields, sidecars: [sidecar] }));
    expect(parseTransaction(withSidecar(signed, sidecars.blob) as `0x03${string}`)).toMatchObject({
      sidecars: [sidecar],
    });
  });

  test("with cell proofs has a version before its blobs (EIP-7594)", () => {
    const body = withoutSidecar(signed).slice(4);
    const rest = toRlp(["0x01", [blob], [commitment], [...sidecars.cells.proofs]]);
    // The list's own header of four bytes replaced by that of one that begins with the body: 0xfa and three bytes of length.
    const content = `${body}${rest.slice(2 + 2 * 4)}`;
    expect(withSidecar(signed, sidecars.cells)).toBe(
      `0x03fa${(content.length / 2).toString(16).padStart(6, "0")}${content}`,
    );
  });

  test("without a sidecar has none", () => {
    expect(sidecarOf(signed)).toBeNull();
    expect(withoutSidecar(signed)).toBe(signed);
  });

  test.each<[what: string, damage: (raw: Hex) => Hex]>([
    ["cut off", (raw) => raw.slice(0, -2) as Hex],
    ["followed by something", (raw) => `${raw}00`],
    ["of another version", (raw) => raw.replace(`01fa`, `02fa`) as Hex],
    ["with a commitment of another length", () => withSidecar(signed, { ...sidecars.cells, commitment: "0xc0" })],
    ["with proofs of another length", () => withSidecar(signed, { ...sidecars.cells, proofs: short })],
    ["with 127 cell proofs", () => withSidecar(signed, { ...sidecars.cells, proofs: proofs(127) })],
    ["with one cell proof", () => withSidecar(signed, { ...sidecars.cells, proofs: proofs(1) })],
    ["with 128 blob proofs", () => withSidecar(signed, { ...sidecars.blob, proofs: proofs(128) })],
    ["with a blob that says it is longer than its list", (raw) => raw.replace("ba020000", "ba020001") as Hex],
  ])("is refused when it is %s", (_, damage) =>
    expect(() => sidecarOf(damage(withSidecar(signed, sidecars.cells)))).toThrow(BlobTransactionError),
  );
});

describe("a node's rules", () => {
  const config = (precompiles: Record<string, string>) => ({ current: { activationTime: 0, precompiles }, next: null });
  const ecrec = { ECREC: "0x0000000000000000000000000000000000000001" };
  const p256 = { P256VERIFY: "0x0000000000000000000000000000000000000100" };

  test.each<[what: string, answer: unknown, asked: ProofKind | null]>([
    ["before Osaka", config(ecrec), "blob"],
    ["from Osaka on", config({ ...ecrec, ...p256 }), "cells"],
    ["before Osaka, which comes next", { ...config(ecrec), next: config(p256).current }, "blob"],
    ["on a chain without contracts of its own", config({}), "blob"],
    ["with an address that is none", config({ P256VERIFY: "none" }), "blob"],
    ["that it does not know", null, null],
    ["in a form that nobody knows", { current: {} }, null],
  ])("%s ask for the proofs that go with them", (_, answer, asked) => expect(proofsAskedFor(answer)).toBe(asked));
});
