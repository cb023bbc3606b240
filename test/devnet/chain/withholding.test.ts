import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { divide, isAbout, type PooledTransaction } from "../../../devnet/chain/withholding.js";
import type { TransactionMatch } from "../../../devnet/faults.js";
import type { Hex } from "../../../schema/units.js";

const alice: Hex = `0x${"a1".repeat(20)}`;
const bob: Hex = `0x${"b0".repeat(20)}`;
const registry: Hex = `0x${"01".repeat(20)}`;
const hashOf = (number: number): Hex => `0x${number.toString(16).padStart(64, "0")}`;
const transaction = (fields: Partial<PooledTransaction> = {}): PooledTransaction => ({
  hash: hashOf(1),
  from: alice,
  to: registry,
  nonce: 0,
  input: "0xf446092d0000",
  type: "plain",
  ...fields,
});

describe("a withholding rule", () => {
  test.each<[rule: string, match: TransactionMatch | undefined, about: boolean]>([
    ["without criteria is about every transaction", undefined, true],
    ["with an empty match is about every transaction", {}, true],
    ["of its sender is about it", { from: alice }, true],
    ["of another sender is not", { from: bob }, false],
    ["of its receiver is about it", { to: registry }, true],
    ["of another receiver is not", { to: bob }, false],
    ["of its selector is about it", { selector: "0xf446092d" }, true],
    ["of another selector is not", { selector: "0x86e773f1" }, false],
    ["of its hash is about it", { hash: hashOf(1) }, true],
    ["of another hash is not", { hash: hashOf(2) }, false],
    ["of plain transactions is about it", { type: "plain" }, true],
    ["of blob transactions is not", { type: "blob" }, false],
    ["whose criteria hold only in part is not", { from: alice, selector: "0x86e773f1" }, false],
  ])("%s", (_, match, about) => expect(isAbout(match, transaction())).toBe(about));

  test("of a receiver is not about a transaction that creates a contract", () =>
    expect(isAbout({ to: registry }, transaction({ to: null }))).toBe(false));
});

describe("a divided pool", () => {
  const inPool = fc.uniqueArray(
    fc.record({ from: fc.constantFrom(alice, bob), nonce: fc.nat(6), type: fc.constantFrom("blob", "plain") }),
    { selector: ({ from, nonce }) => `${from}${nonce}` },
  );
  const pools = inPool.map((list) => list.map((fields, index) => transaction({ ...fields, hash: hashOf(index) })));
  const rules = fc.array(
    fc.oneof(
      fc.record({ from: fc.constantFrom(alice, bob) }),
      fc.record({ type: fc.constantFrom("blob" as const, "plain") }),
    ),
    { maxLength: 2 },
  );

  test("allows nothing that a rule is about, nor anything of the same sender after it", () =>
    fc.assert(
      fc.property(pools, rules, (pool, matches) => {
        const { withheld, allowed } = divide(pool, matches);
        for (const one of allowed) {
          expect(matches.some((match) => isAbout(match, one))).toBe(false);
          expect(withheld.some(({ from, nonce }) => from === one.from && nonce < one.nonce)).toBe(false);
        }
      }),
    ));

  test("allows everything else, each sender's in the order of nonces", () =>
    fc.assert(
      fc.property(pools, rules, (pool, matches) => {
        const { withheld, allowed } = divide(pool, matches);
        for (const one of pool) {
          const blocked = withheld.some(({ from, nonce }) => from === one.from && nonce <= one.nonce);
          expect(allowed.includes(one)).toBe(!blocked);
        }
        for (const sender of [alice, bob]) {
          const nonces = allowed.filter(({ from }) => from === sender).map(({ nonce }) => nonce);
          expect(nonces).toEqual([...nonces].sort((a, b) => a - b));
        }
      }),
    ));
});
