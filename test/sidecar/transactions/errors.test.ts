import { HttpRequestError, RpcRequestError, TimeoutError, UnknownRpcError } from "viem";
import { describe, expect, test } from "vitest";
import { BroadcastRefused, BroadcastUnclear } from "../../../sidecar/failures.js";
import type { RefusalKind } from "../../../sidecar/ports.js";
import { broadcastFailure, classifyBroadcast } from "../../../sidecar/transactions/errors.js";

const url = "https://rpc.example/secret-key";
/** What viem throws for a node's error answer: its own error around the node's. */
const answered = (message: string, code = -32000): Error => {
  const body = { method: "eth_sendRawTransaction", params: ["0x03f0blobbytes"] };
  return new UnknownRpcError(new RpcRequestError({ body, error: { code, message }, url }));
};

describe("a node's answer to a broadcast", () => {
  test.each<[words: string, refusal: RefusalKind]>([
    ["address already reserved", "reserved"],
    ["PendingTxsOfConflictingType", "reserved"],
    ["nonce too high: tx nonce 1, gapped nonce 0", "nonceTooHigh"],
    ["future transaction tries to replace pending", "nonceTooHigh"],
    ["nonce too low: next nonce 12, tx nonce 11", "nonceTooLow"],
    ["OldNonce", "nonceTooLow"],
    ["replacement transaction underpriced", "replacementUnderpriced"],
    [
      "replacement transaction underpriced: new tx gas fee cap 100000000000 < 100000000000 queued + 100% replacement penalty",
      "replacementUnderpriced",
    ],
    ["transaction underpriced: gas tip cap 0, minimum needed 1", "underpriced"],
    ["transaction gas price below minimum: gas tip cap 0, minimum needed 1", "underpriced"],
    ["txpool is full", "underpriced"],
    ["max fee per gas less than block base fee: address 0x00, maxFeePerGas: 1, baseFee: 7", "underpriced"],
    ["insufficient funds for gas * price + value: balance 0, tx cost 42, overshot 42", "funds"],
    ["Upfront cost exceeds account balance", "funds"],
    ["intrinsic gas too low: gas 20000, minimum needed 21000", "other"],
    ["exceeds block gas limit", "other"],
    ["invalid sender", "other"],
    ["only replay-protected (EIP-155) transactions allowed over RPC", "other"],
    ["tx fee (2.10 ether) exceeds the configured cap (1.00 ether)", "other"],
    ["unexpected sidecar version, want: 0, got: 1", "proofs"],
    ["invalid sidecar: unexpected sidecar version, want: 1, got: 0", "proofs"],
    ["unexpected eip-4844 sidecar after osaka", "proofs"],
    ["InvalidTxProofVersion: Version of network wrapper is not supported.", "proofs"],
    ["invalid number of 1 blob proofs expected 128", "other"],
  ])('"%s" is a certain refusal: %s', (words, refusal) =>
    expect(classifyBroadcast(answered(words))).toMatchObject({ kind: "refused", refusal, reason: words }),
  );

  test.each<[code: number, refusal: RefusalKind]>([
    [-38010, "nonceTooLow"],
    [-38011, "nonceTooHigh"],
    [-38013, "other"],
    [-38014, "funds"],
    [-38015, "other"],
    [-38024, "other"],
    [-38025, "other"],
    [-32602, "other"],
  ])("code %i is a certain refusal whatever its words: %s", (code, refusal) =>
    expect(classifyBroadcast(answered("?", code))).toMatchObject({ kind: "refused", refusal }),
  );

  test.each(["already known", "Known transaction", "already imported", "AlreadyKnown"])(
    '"%s" means that it has it',
    (words) => {
      expect(classifyBroadcast(answered(words))).toEqual({ kind: "accepted" });
      expect(broadcastFailure(answered(words))).toBeUndefined();
    },
  );

  test.each<[what: string, error: unknown]>([
    ["an error whose words nobody knows", answered("internal error", -32603)],
    ["a timeout", new TimeoutError({ body: {}, url })],
    ["a broken connection", new HttpRequestError({ url, details: "fetch failed" })],
    ["a gateway that failed behind the node", new HttpRequestError({ url, status: 502, details: "Bad Gateway" })],
    ["a rate limit", new HttpRequestError({ url, status: 429, details: "Too Many Requests" })],
    ["a page that only talks of nonces", new HttpRequestError({ url, status: 500, details: "nonce too low" })],
    ["something that is no error", "nonce too low"],
  ])("%s leaves it unclear", (_, error) => {
    expect(classifyBroadcast(error).kind).toBe("unclear");
    expect(broadcastFailure(error)).toBeInstanceOf(BroadcastUnclear);
  });

  test("an HTTP refusal never came as far as a pool", () =>
    expect(broadcastFailure(new HttpRequestError({ url, status: 413, details: "Payload Too Large" }))).toBeInstanceOf(
      BroadcastRefused,
    ));

  test("is passed on without the endpoint, whose path is often a key", () =>
    expect(
      JSON.stringify([broadcastFailure(answered("nonce too low"))?.message, broadcastFailure(answered("?"))]),
    ).not.toContain("secret-key"));
});
