import { toFunctionSelector, type AbiFunction } from "viem";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";

/** What a worker's calls are called, by their four bytes. */
export const selectors: ReadonlyMap<string, string> = new Map(
  [...workerRegistryAbi, ...jobRegistryAbi, ...sessionManagerAbi]
    .filter((item): item is AbiFunction & typeof item => item.type === "function")
    .map((item) => [toFunctionSelector(item), item.name]),
);
