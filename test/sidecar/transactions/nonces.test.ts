import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isBehind, nextNonce, type SignedNonce } from "../../../sidecar/transactions/nonces.js";

const open = (nonce: number): SignedNonce => ({ nonce, outcome: "open" });
const mined = (nonce: number): SignedNonce => ({ nonce, outcome: "mined" });
const dead = (nonce: number): SignedNonce => ({ nonce, outcome: "dead" });

describe("the next nonce", () => {
  test.each<[what: string, latest: number, signed: SignedNonce[], next: number]>([
    ["is the chain's for a key that signed nothing", 7, [], 7],
    ["comes after everything in flight", 7, [open(7), open(8)], 9],
    ["fills a gap that a certain refusal left", 7, [open(7), dead(8), open(9)], 8],
    ["comes after what is mined even when the node lags", 5, [mined(6), { nonce: 7, outcome: "reverted" }], 8],
    ["does not fall below the chain's for open bytes whose nonce is used", 9, [open(4)], 9],
    ["ignores what the former holder left pending", 3, [dead(3)], 3],
  ])("%s", (_, latest, signed, next) => expect(nextNonce(latest, signed)).toBe(next));

  test("is never one that bytes of ours may use, nor one that is used", () => {
    const signed = fc.array(
      fc.record({ nonce: fc.nat(20), outcome: fc.constantFrom("open", "mined", "reverted", "dead") }),
    );
    fc.assert(
      fc.property(fc.nat(20), signed, (latest, all) => {
        const next = nextNonce(latest, all);
        expect(next).toBeGreaterThanOrEqual(latest);
        for (const { nonce, outcome } of all)
          if (outcome === "open") expect(next).not.toBe(nonce);
          else if (outcome !== "dead") expect(next).toBeGreaterThan(nonce);
      }),
    );
  });
});

describe("a journal is behind the chain", () => {
  test.each<[what: string, latest: number, signed: SignedNonce[], behind: boolean]>([
    ["when an unused key's journal is empty: no", 0, [], false],
    ["when it knows every nonce: no", 3, [mined(0), mined(1), mined(2)], false],
    ["when what it has in flight is mined already: no", 4, [mined(2), open(3)], false],
    ["when it is empty and the key was used: yes", 1, [], true],
    ["when the chain went one further than it knows: yes", 4, [mined(0), mined(2)], true],
    ["when a stranger used the nonce of its dead bytes: yes", 4, [mined(2), dead(3)], true],
  ])("%s", (_, latest, signed, behind) => expect(isBehind(latest, signed)).toBe(behind));
});
