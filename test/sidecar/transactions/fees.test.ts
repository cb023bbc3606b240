import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  blobFees,
  feeLimits,
  outbidPlain,
  plainFees,
  replaceBlob,
  replacePlain,
} from "../../../sidecar/transactions/fees.js";
import { chainSettings } from "./settings.js";

const gwei = (amount: number): bigint => BigInt(Math.round(amount * 1e9));
const limits = feeLimits(chainSettings());
const node = (gasPrice: number, priorityFee = 1) => ({ gasPrice: gwei(gasPrice), priorityFee: gwei(priorityFee) });

describe("first fees", () => {
  test("of a plain transaction are a tenth above the node's price", () =>
    expect(plainFees(node(2), limits)).toEqual({ gasPrice: gwei(2.2) }));
  test("of a plain transaction stay within the cap when gas is dear", () =>
    expect(plainFees(node(500), limits)).toEqual({ gasPrice: gwei(100) }));
  test("of a blob are the cap, the node's tip and a gwei per blob gas", () =>
    expect(blobFees(node(2, 1.5), limits)).toEqual({
      maxFeePerGas: gwei(100),
      maxPriorityFeePerGas: gwei(1.5),
      maxFeePerBlobGas: gwei(1),
    }));
});

describe("a replacement", () => {
  test("of a plain transaction pays an eighth more, or today's price when that is higher", () => {
    expect(replacePlain({ gasPrice: gwei(8) }, node(1), limits)).toEqual({ gasPrice: gwei(9) });
    expect(replacePlain({ gasPrice: gwei(8) }, node(20), limits)).toEqual({ gasPrice: gwei(22) });
  });
  test("of a plain transaction is not made above the cap", () => {
    expect(replacePlain({ gasPrice: gwei(90) }, node(1), limits)).toEqual({ gasPrice: gwei(100) });
    expect(replacePlain({ gasPrice: gwei(91) }, node(1), limits)).toBeNull();
  });
  test("of a stranger's transaction doubles up to the cap", () => {
    expect(outbidPlain({ gasPrice: gwei(60) }, limits)).toEqual({ gasPrice: gwei(100) });
    expect(outbidPlain({ gasPrice: gwei(100) }, limits)).toBeNull();
  });
  test("of a blob doubles all three fees, three times at most", () => {
    const first = blobFees(node(2, 1), limits);
    const second = replaceBlob(first, node(2, 1), limits);
    expect(second).toEqual({ maxFeePerGas: gwei(200), maxPriorityFeePerGas: gwei(2), maxFeePerBlobGas: gwei(2) });
    const third = second && replaceBlob(second, node(2, 1), limits);
    const fourth = third && replaceBlob(third, node(2, 1), limits);
    expect(fourth).toEqual({ maxFeePerGas: gwei(800), maxPriorityFeePerGas: gwei(8), maxFeePerBlobGas: gwei(8) });
    expect(fourth && replaceBlob(fourth, node(2, 1), limits)).toBeNull();
  });
  test("of a blob doubles once more where that is the last chance, and never again", () => {
    const fourth = { maxFeePerGas: gwei(800), maxPriorityFeePerGas: gwei(8), maxFeePerBlobGas: gwei(8) };
    const fifth = replaceBlob(fourth, node(2, 1), limits, true);
    expect(fifth).toEqual({ maxFeePerGas: gwei(1_600), maxPriorityFeePerGas: gwei(16), maxFeePerBlobGas: gwei(16) });
    expect(fifth && replaceBlob(fifth, node(2, 1), limits, true)).toBeNull();
  });
  test("of a blob is not made while gas costs more than the cap", () =>
    expect(replaceBlob(blobFees(node(2), limits), node(101), limits)).toBeNull());

  const price = fc.bigInt({ min: 0n, max: gwei(120) });
  const paid = fc.bigInt({ min: 1n, max: gwei(120) }); // nothing is ever sent for nothing
  test("always satisfies the pools' rule, and a plain one never goes above the cap", () =>
    fc.assert(
      fc.property(paid, price, price, (gasPrice, nodePrice, priorityFee) => {
        const now = { gasPrice: nodePrice, priorityFee };
        const plain = replacePlain({ gasPrice }, now, limits);
        if (plain) {
          expect(plain.gasPrice * 100n).toBeGreaterThanOrEqual(gasPrice * 110n);
          expect(plain.gasPrice).toBeGreaterThan(gasPrice);
          expect(plain.gasPrice).toBeLessThanOrEqual(limits.maxGasPrice);
        }
        const former = { maxFeePerGas: gasPrice, maxPriorityFeePerGas: priorityFee, maxFeePerBlobGas: gasPrice };
        const blob = replaceBlob(former, now, limits);
        if (blob) {
          expect(blob.maxFeePerGas).toBe(gasPrice * 2n);
          expect(blob.maxPriorityFeePerGas).toBeGreaterThanOrEqual(priorityFee * 2n);
          expect(blob.maxPriorityFeePerGas).toBeLessThanOrEqual(limits.maxGasPrice);
          expect(blob.maxFeePerBlobGas).toBe(gasPrice * 2n);
        }
      }),
    ));
});
