import { beforeEach, describe, expect, test } from "vitest";
import type { PurposeId } from "../../../lifecycle/types.js";
import { wei } from "../../../schema/units.js";
import { JournalViolation, type Journal } from "../../../sidecar/journal.js";
import { openJournal } from "../../../sidecar/journal/sqlite-journal.js";
import { withoutSidecar, withSidecar, type ProofKind } from "../../../protocol/blob-transaction.js";
import { hashOf } from "../../../sidecar/transactions/raw.js";
import { simulatedBlobs, simulatedSigner } from "../../simulation/account/signer.js";
import { identity, sentTx } from "./fixtures.js";

let journal: Journal;
beforeEach(() => {
  journal = openJournal(":memory:", identity);
});
const mined = (block: bigint) => ({ block, fee: wei(21_000n) });

describe("bytes of a purpose", () => {
  const [purpose, other] = ["8200/w/ack/g1/1", "8200/w/ack/g1/2"];

  test("are kept in the order they were signed, with what became of them", () => {
    const [first, second] = [sentTx({ purpose, nonce: 4 }), sentTx({ purpose, nonce: 4, variant: 1 })];
    journal.recordSent(first);
    journal.recordSent(second);
    journal.recordSent(sentTx({ purpose: other, nonce: 3 }));
    journal.settle(second.hash, "mined", mined(9n));
    journal.settle(first.hash, "dead", null);
    expect(journal.sentFor(first.purpose)).toEqual([
      { ...first, outcome: "dead" },
      { ...second, outcome: "mined", mined: { block: 9n, fee: 21_000n } },
    ]);
    expect(journal.openTransactions()).toEqual([sentTx({ purpose: other, nonce: 3 })]);
    expect(journal.allTransactions().map(({ nonce }) => nonce)).toEqual([4, 4, 3]);
  });

  test("are refused once the purpose is achieved", () => {
    journal.recordSent(sentTx({ purpose, nonce: 4 }));
    journal.settle(sentTx({ purpose, nonce: 4 }).hash, "mined", mined(9n));
    expect(() => journal.recordSent(sentTx({ purpose, nonce: 5 }))).toThrow(JournalViolation);
    expect(() => journal.recordSent(sentTx({ purpose, nonce: 4, variant: 1 }))).toThrow(JournalViolation);
  });

  test("are refused at another nonce while earlier ones may be mined, and taken after these are dead or reverted", () => {
    const first = sentTx({ purpose, nonce: 4 });
    journal.recordSent(first);
    expect(() => journal.recordSent(sentTx({ purpose, nonce: 5 }))).toThrow("another nonce");
    journal.recordSent(sentTx({ purpose: other, nonce: 5 }));
    journal.settle(first.hash, "dead", null);
    const second = sentTx({ purpose, nonce: 6 });
    journal.recordSent(second);
    journal.settle(second.hash, "reverted", mined(9n));
    journal.recordSent(sentTx({ purpose, nonce: 7 }));
  });

  test("are open again when a reorganisation took them back", () => {
    const tx = sentTx({ purpose });
    journal.recordSent(tx);
    journal.settle(tx.hash, "mined", mined(9n));
    journal.settle(tx.hash, "open", null);
    expect(journal.openTransactions()).toEqual([tx]);
  });

  test("are settled only when they were recorded, and recorded twice only when they were dead", () => {
    const tx = sentTx({ purpose });
    expect(() => journal.settle(tx.hash, "dead", null)).toThrow(JournalViolation);
    journal.recordSent(tx);
    expect(() => journal.recordSent(tx)).toThrow(JournalViolation);
    journal.settle(tx.hash, "dead", null);
    journal.recordSent(tx);
    expect(journal.sentFor(tx.purpose)).toEqual([tx]);
  });
});

describe("the bytes of a blob", () => {
  const blobTx = async (nonce: number, kind: ProofKind = "blob") => {
    const payload = new Uint8Array(500).fill(nonce);
    const { blob, commitment, versionedHash } = await simulatedBlobs.build(payload);
    const proofs = await simulatedBlobs.prove({ blob, commitment }, kind);
    const signed = await simulatedSigner(identity.worker).signTransaction({
      type: "eip4844",
      chainId: 8200,
      nonce,
      maxFeePerGas: 10n,
      maxPriorityFeePerGas: 1n,
      maxFeePerBlobGas: 1n,
      gas: 21_000n,
      to: identity.worker,
      value: 0n,
      data: "0x",
      blobVersionedHashes: [versionedHash],
    });
    const raw = withSidecar(signed, { blob, commitment, kind, proofs });
    return { ...sentTx({ purpose: `8200/w/blob/g1/${nonce}`, nonce, raw, lane: "blob" }), hash: hashOf(raw) };
  };
  const rawOf = (purpose: PurposeId) => journal.sentFor(purpose)[0]?.raw;

  test.each<ProofKind>(["blob", "cells"])("are dropped when it is dead, proofs of its %s too", async (kind) => {
    const tx = await blobTx(1, kind);
    journal.recordSent(tx);
    expect(rawOf(tx.purpose)).toBe(tx.raw);
    journal.settle(tx.hash, "dead", null);
    expect(rawOf(tx.purpose)).toBe(withoutSidecar(tx.raw));
    expect(tx.raw.length - withoutSidecar(tx.raw).length).toBeGreaterThan(1_000);
  });

  test("are kept after it was mined for as long as a reorganisation may ask for them", async () => {
    const [first, second, third] = [await blobTx(1), await blobTx(2), await blobTx(3)];
    for (const tx of [first, second, third]) journal.recordSent(tx);
    journal.settle(first.hash, "mined", mined(100n));
    journal.settle(second.hash, "mined", mined(163n));
    expect(rawOf(first.purpose)).toBe(first.raw);
    journal.settle(third.hash, "mined", mined(164n));
    expect(rawOf(first.purpose)).toBe(withoutSidecar(first.raw));
    expect(rawOf(second.purpose)).toBe(second.raw);
  });
});
