import { type Abi, type AbiParameter, size } from "viem";
import { beforeAll, expect, test } from "vitest";
import { aiConfigAbi } from "../../../../abi/ai-config.js";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { reputationRegistryAbi } from "../../../../abi/reputation-registry.js";
import { sessionManagerAbi } from "../../../../abi/session-manager.js";
import { workerRegistryAbi } from "../../../../abi/worker-registry.js";
import { type CompiledContracts, type CompiledName, contractNames } from "../../../../devnet/contracts/compile.js";
import { compileForTests } from "./network.js";

let compiled: CompiledContracts;
beforeAll(async () => {
  compiled = await compileForTests();
});

test.each<[CompiledName, Abi, functions: number, events: number, errors: number]>([
  ["WorkerRegistry", workerRegistryAbi, 50, 22, 38],
  ["JobRegistry", jobRegistryAbi, 45, 32, 56],
  ["SessionManager", sessionManagerAbi, 17, 6, 24],
  ["AIConfig", aiConfigAbi, 78, 20, 17],
  ["ReputationRegistry", reputationRegistryAbi, 17, 5, 13],
])(
  "%s has the live ABI: every name, type, index, mutability and struct field, and nothing more",
  (name, live, ...counts) => {
    const ours = compiled[name].abi.filter((item) => item.type !== "constructor");
    expect(ours.map(spelled).sort()).toEqual(live.map(spelled).sort());
    expect(["function", "event", "error"].map((type) => ours.filter((item) => item.type === type).length)).toEqual(
      counts,
    );
  },
);

test("only those contracts have a constructor that have one on the live network", () => {
  const constructed = contractNames.filter((name) => compiled[name].abi.some((item) => item.type === "constructor"));
  expect(constructed).toEqual(["JobRegistry", "SessionManager", "ReputationRegistry", "ERC1967Proxy"]);
});

test("each contract fits into the EVM's 24,576 bytes", () => {
  for (const name of contractNames) expect(size(compiled[name].deployedBytecode), name).toBeLessThan(24_576);
});

/** An ABI item as one line: all that a caller can depend on, and nothing of how the source names its types. */
function spelled(item: Abi[number]): string {
  switch (item.type) {
    case "function":
      return `function ${item.name}(${list(item.inputs)}) ${item.stateMutability} -> (${list(item.outputs)})`;
    case "event":
      return `event ${item.name}(${list(item.inputs)})${item.anonymous ? " anonymous" : ""}`;
    case "error":
      return `error ${item.name}(${list(item.inputs)})`;
    default:
      return item.type;
  }
}

const list = (parameters: readonly (AbiParameter & { indexed?: boolean | undefined })[]): string =>
  parameters
    .map((parameter) => {
      const fields = "components" in parameter ? `{${list(parameter.components)}}` : "";
      return `${parameter.type}${fields}${parameter.indexed ? " indexed" : ""} ${parameter.name ?? ""}`.trim();
    })
    .join(", ");
