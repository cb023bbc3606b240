import { createPublicClient, custom, encodeErrorResult, RpcRequestError } from "viem";
import { describe, expect, test } from "vitest";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { classifyBroadcast, nodeOf } from "../../lifecycle/node.js";
import { refundTo, worker } from "./situations.js";

/** A node that answers every question with the same error. */
const failing = (error: { code: number; message: string; data?: unknown }) =>
  nodeOf(
    createPublicClient({
      transport: custom(
        {
          request: async ({ method, params }: { method: string; params: unknown }) => {
            throw new RpcRequestError({
              body: { method, params },
              error,
              url: "https://node.example/secret-access-key",
            });
          },
        },
        { retryCount: 0 },
      ),
    }),
  );
const rpcError = (message: string, code = -32_000) => ({ code, message });

describe("a node's answer to a transaction", () => {
  test.each<[string, string, number?]>([
    ["already known", "held"],
    ["nonce too low: next nonce 5, tx nonce 4", "behind"],
    ["replacement transaction underpriced", "underpriced"],
    ["transaction underpriced: tip needed 1, tip permitted 0", "underpriced"],
    ["max fee per gas less than block base fee: address 0x, maxFeePerGas: 1, baseFee: 2", "underpriced"],
    ["insufficient funds for gas * price + value: balance 0", "refused"],
    ["intrinsic gas too low: gas 1, minimum needed 21000", "refused"],
    ["address already reserved", "refused"],
    ["nonce too high", "refused"],
    ["unexpected sidecar version, want: 1, got: 0", "refused"],
    ["unexpected eip-4844 sidecar after osaka", "refused"],
    ["InvalidTxProofVersion: Version of network wrapper is not supported.", "refused"],
    ["whatever", "refused", -32_602],
    ["whatever", "refused", -38_014],
    ["internal error", "unclear"],
    ["txpool is full", "unclear"],
    ["request timed out", "unclear"],
  ])("%s is %s", async (message, kind, code) => {
    expect(await failing(rpcError(message, code)).broadcast("0x00")).toMatchObject({ kind });
  });

  test("that never came is unclear", () => {
    expect(classifyBroadcast(new TypeError("fetch failed"))).toEqual({ kind: "unclear", reason: "fetch failed" });
  });
});

describe("an estimate that fails", () => {
  const call = { from: worker, to: refundTo, value: 0n, data: "0x" as const };

  test("is told by the contract's own name of the error", async () => {
    const data = encodeErrorResult({ abi: workerRegistryAbi, errorName: "ActiveJobsExist", args: [worker, 2n] });
    const active = { code: 3, message: "execution reverted", data };
    expect(await failing(active).estimate(call)).toMatchObject({ ok: false, reason: `ActiveJobsExist(${worker}, 2)` });
    const paused = { code: 3, message: "execution reverted", data: "0xd93c0665" };
    expect(await failing(paused).estimate(call)).toEqual({
      ok: false,
      reason: "EnforcedPause()",
      revert: expect.objectContaining({ name: "EnforcedPause" }) as unknown,
    });
  });

  test("without revert data is told by the node's words", async () => {
    expect(await failing(rpcError("insufficient funds for transfer")).estimate(call)).toMatchObject({
      ok: false,
      reason: "insufficient funds for transfer",
    });
  });

  test("because the node is silent is an error, which does not repeat the endpoint's key", async () => {
    const silent = nodeOf(
      createPublicClient({
        transport: custom({ request: () => Promise.reject(new Error("connect ECONNREFUSED")) }, { retryCount: 0 }),
      }),
    );
    const error = await silent.estimate(call).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "LF1238" });
    for (const ask of [
      silent.gasPrice(),
      silent.balance(worker),
      silent.nonce(worker, "latest"),
      silent.receipt("0x12"),
      silent.knows("0x12"),
      silent.timeOf("latest"),
    ])
      await expect(ask).rejects.toMatchObject({ code: "LF1238" });
    const told = await failing(rpcError("internal error"))
      .gasPrice()
      .catch((thrown: unknown) => (thrown as Error).message);
    expect(told).not.toContain("secret-access-key");
  });
});
