import {
  createPublicClient,
  custom,
  encodeAbiParameters,
  encodeErrorResult,
  getAbiItem,
  pad,
  parseAbiParameters,
  toFunctionSelector,
} from "viem";
import { describe, expect, test } from "vitest";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { decodeRevert, isRevert, revertOf } from "../../abi/revert.js";
import type { Hex } from "../../schema/units.js";
import { errorRows } from "./fixtures/selectors.js";

const contractNames: Record<string, string> = {
  W: "WorkerRegistry",
  J: "JobRegistry",
  S: "SessionManager",
  C: "AIConfig",
  R: "ReputationRegistry",
};
const sessionNotActive = encodeErrorResult({ abi: jobRegistryAbi, errorName: "SessionNotActive", args: [7n] });

test.each(errorRows)("%s decodes as %s", (selector, signature, letters) => {
  const [name = "", types = ""] = signature.slice(0, -1).split("(");
  const parameters = types === "" ? [] : parseAbiParameters(types);
  const values = parameters.map(({ type }) => samples[type]);
  const data: Hex = `${selector}${encodeAbiParameters(parameters, values).slice(2)}`;
  const contracts = letters.split(" ").map((letter) => contractNames[letter]);
  expect(decodeRevert(data)).toEqual({ name, args: values, contracts });
});
const samples: Record<string, unknown> = {
  address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
  bytes32: pad("0x07"),
  string: "timeout",
  uint256: 2n ** 200n,
  uint32: 9,
  uint8: 3,
};

describe("other reverts", () => {
  test("a text of require is Error", () => {
    const data: Hex = `${toFunctionSelector("Error(string)")}${encodeAbiParameters(parseAbiParameters("string"), ["no"]).slice(2)}`;
    expect(decodeRevert(data)).toEqual({ name: "Error", args: ["no"], contracts: [] });
  });
  test("a failed assertion is Panic", () => {
    const data: Hex = `${toFunctionSelector("Panic(uint256)")}${pad("0x11").slice(2)}`;
    expect(decodeRevert(data)).toEqual({ name: "Panic", args: [0x11n], contracts: [] });
  });
  test.each<[what: string, data: Hex, selector: Hex]>([
    ["nothing", "0x", "0x"],
    ["less than a selector", "0x12", "0x12"],
    ["a selector of nobody's", "0xdeadbeef00", "0xdeadbeef"],
    ["a selector in capitals whose arguments are cut off", "0x149CE097", "0x149ce097"],
  ])("%s is Unknown", (_, data, selector) => {
    expect(decodeRevert(data)).toEqual({ name: "Unknown", selector });
  });
});

describe("the revert inside a thrown error", () => {
  const expected = { name: "SessionNotActive", args: [7n], contracts: ["JobRegistry"] };
  const address = "0x531b3A87c5D785441B9cF55b98169F20FD9056a7";

  /** What viem throws when the node answers a call with this JSON-RPC error. */
  const thrownFor = async (rpcError: object): Promise<unknown> => {
    const request = () => Promise.reject(Object.assign(new Error("rpc"), rpcError));
    const client = createPublicClient({ transport: custom({ request }, { retryCount: 0 }) });
    const read = client.readContract({ address, abi: jobRegistryAbi, functionName: "getJob", args: [1n] });
    return read.then(
      () => undefined,
      (error: unknown) => error,
    );
  };

  test.each<[node: string, rpcError: object]>([
    ["geth", { code: 3, message: "execution reverted", data: sessionNotActive }],
    ["anvil", { code: 3, message: "execution reverted: custom error 0x149ce097", data: sessionNotActive }],
    ["a node that wraps its data", { code: -32015, message: "VM execution error", data: { data: sessionNotActive } }],
  ])("is found as %s reports it", async (_, rpcError) => {
    const error = await thrownFor(rpcError);
    expect(revertOf(error)).toEqual(expected);
    expect(isRevert(error, "SessionNotActive")).toBe(true);
    expect(isRevert(error, "SessionNotFound")).toBe(false);
  });

  test("is Unknown when the node says only that it reverted", async () => {
    expect(revertOf(await thrownFor({ code: -32000, message: "execution reverted" }))).toEqual({
      name: "Unknown",
      selector: "0x",
    });
  });

  test.each<[failure: string, error: unknown]>([
    ["a refused connection", Object.assign(new Error("fetch failed"), { cause: { code: "ECONNREFUSED" } })],
    ["a nonce too low", { code: -32000, message: "nonce too low", data: "0x" }],
    ["a string", "execution"],
    ["nothing", undefined],
  ])("is not found in %s", (_, error) => {
    expect(revertOf(error)).toBeUndefined();
    expect(isRevert(error, "SessionNotActive")).toBe(false);
  });

  test("is looked for without end only as far as causes go", () => {
    const loop: { cause?: unknown } = {};
    loop.cause = loop;
    expect(revertOf(loop)).toBeUndefined();
  });

  test("names the arguments in the contract's order", () => {
    const item = getAbiItem({ abi: jobRegistryAbi, name: "DisputeWindowNotElapsed" });
    expect(item.inputs.map(({ name }) => name)).toEqual(["jobId", "windowEnd", "currentTime"]);
    const revert = decodeRevert(
      encodeErrorResult({ abi: jobRegistryAbi, errorName: "DisputeWindowNotElapsed", args: [1n, 2n, 3n] }),
    );
    expect(revert.name === "DisputeWindowNotElapsed" && revert.args[1]).toBe(2n);
  });
});
