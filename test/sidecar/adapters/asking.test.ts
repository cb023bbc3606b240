import { createPublicClient, custom, encodeErrorResult, RpcRequestError } from "viem";
import { expect, test } from "vitest";
import { jobRegistryAbi } from "../../../abi/job-registry.js";
import { isRevert } from "../../../abi/revert.js";
import { asking } from "../../../sidecar/adapters/asking.js";
import { ChainUnavailable } from "../../../sidecar/failures.js";

test("a contract's own error is still told from a silent node, and the node's address is not", async () => {
  const data = encodeErrorResult({ abi: jobRegistryAbi, errorName: "JobNotFound", args: [7n] });
  const refusal = { code: 3, message: "execution reverted", data };
  const request = (): Promise<never> =>
    Promise.reject(new RpcRequestError({ body: {}, error: refusal, url: "https://node.test/secret-path" }));
  const client = createPublicClient({ transport: custom({ request }, { retryCount: 0 }) });
  const question = client.call({ to: "0x531b3A87c5D785441B9cF55b98169F20FD9056a7", data: "0x12345678" });
  const error: unknown = await asking("job 7", question).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ChainUnavailable);
  expect(isRevert(error, "JobNotFound")).toBe(true);
  expect(String((error as Error).cause)).not.toContain("secret-path");
});
