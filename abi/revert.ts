import { type AbiParameter, type AbiParameterToPrimitiveType, decodeAbiParameters, toFunctionSelector } from "viem";
import type { Hex } from "../schema/units.js";
import { aiConfigAbi } from "./ai-config.js";
import { jobRegistryAbi } from "./job-registry.js";
import { reputationRegistryAbi } from "./reputation-registry.js";
import { sessionManagerAbi } from "./session-manager.js";
import { workerRegistryAbi } from "./worker-registry.js";

const abis = {
  WorkerRegistry: workerRegistryAbi,
  JobRegistry: jobRegistryAbi,
  SessionManager: sessionManagerAbi,
  AIConfig: aiConfigAbi,
  ReputationRegistry: reputationRegistryAbi,
} as const;
type Abis = typeof abis;

/** One of the five contracts whose reverts we know. */
export type ContractName = keyof Abis;
type ErrorItem = Extract<Abis[ContractName][number], { type: "error" }>;
type Values<Inputs extends readonly AbiParameter[]> = {
  readonly [At in keyof Inputs]: AbiParameterToPrimitiveType<Inputs[At]>;
};
/** The arguments of each error. In one pass over the errors: looking each up by its name takes the compiler seconds. */
type ArgsByName = { [Item in ErrorItem as Item["name"]]: Values<Item["inputs"]> };

/** The name of a custom error that one of the five contracts can revert with. */
export type RevertName = keyof ArgsByName;
/** The arguments of a custom error, in the contract's order. */
export type RevertArgs<Name extends RevertName> = ArgsByName[Name];

/** A revert with a custom error of ours. `contracts` are those that declare it. */
export interface CustomRevert<Name extends RevertName = RevertName> {
  readonly name: Name;
  readonly args: RevertArgs<Name>;
  readonly contracts: readonly ContractName[];
}
/** `require` with a text. */
export interface TextRevert {
  readonly name: "Error";
  readonly args: readonly [message: string];
  readonly contracts: readonly [];
}
/** A failed assertion, overflow, division by zero, …; the code is Solidity's. */
export interface PanicRevert {
  readonly name: "Panic";
  readonly args: readonly [code: bigint];
  readonly contracts: readonly [];
}
/** A revert nobody here knows; `selector` is the first four bytes, or all there is when fewer (`0x` for an empty revert). */
export interface UnknownRevert {
  readonly name: "Unknown";
  readonly selector: Hex;
}
/** Why a call was reverted; `name` tells which, and narrows `args`. */
export type Revert =
  { [Name in RevertName]: CustomRevert<Name> }[RevertName] | TextRevert | PanicRevert | UnknownRevert;

interface KnownError {
  readonly name: string;
  readonly inputs: readonly { readonly name?: string; readonly type: string }[];
  readonly contracts: readonly ContractName[];
}

const known = new Map<Hex, KnownError>();
for (const [contract, abi] of Object.entries(abis) as [ContractName, Abis[ContractName]][]) {
  for (const item of abi) {
    if (item.type !== "error") continue;
    const selector = toFunctionSelector({ ...item, type: "function", outputs: [], stateMutability: "view" });
    const contracts = [...(known.get(selector)?.contracts ?? []), contract];
    known.set(selector, { name: item.name, inputs: item.inputs, contracts });
  }
}
known.set("0x08c379a0", { name: "Error", inputs: [{ type: "string" }], contracts: [] });
known.set("0x4e487b71", { name: "Panic", inputs: [{ type: "uint256" }], contracts: [] });

/**
 * Names the error in revert data. Never throws: data that does not decode under its selector is `Unknown` too. No two errors of the five
 * contracts share a selector, so the contract need not be known (contracts reference §10.1).
 */
export function decodeRevert(data: Hex): Revert {
  const selector = data.slice(0, 10).toLowerCase() as Hex;
  const error = known.get(selector);
  if (error === undefined) return { name: "Unknown", selector };
  try {
    const body: Hex = `0x${data.slice(10)}`;
    const args = error.inputs.length === 0 ? [] : decodeAbiParameters(error.inputs, body);
    return { name: error.name, args, contracts: error.contracts } as unknown as Revert;
  } catch {
    return { name: "Unknown", selector };
  }
}

/**
 * The revert inside an error thrown by viem (or by a JSON-RPC client that keeps the node's `data`), or `undefined` when the error is not a
 * revert: the node could not be reached, refused the transaction, and so on. A revert without data is `Unknown` with selector `0x`.
 */
export function revertOf(error: unknown): Revert | undefined {
  const data = revertDataOf(error);
  if (data !== undefined) return decodeRevert(data);
  const reverted = chainOf(error).some((at) => says(at, /execution reverted|^reverted$|VM Exception|revert opcode/i));
  return reverted ? { name: "Unknown", selector: "0x" } : undefined;
}

/** The bytes of the revert inside an error, for whoever passes on another error in its place. */
export const revertDataOf = (error: unknown): Hex | undefined =>
  chainOf(error)
    .map(revertData)
    .find((data) => data !== undefined);

/** An error and its causes. */
function chainOf(error: unknown): Record<string, unknown>[] {
  const chain: Record<string, unknown>[] = [];
  for (let at: unknown = error; isObject(at) && chain.length < 20; at = at["cause"]) chain.push(at);
  return chain;
}

/** Whether an error is a revert with exactly this custom error. */
export function isRevert(error: unknown, name: RevertName): boolean {
  return revertOf(error)?.name === name;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Nodes and viem keep the bytes in one of these places: `raw` (viem's decoded revert), `data`, `data.data`, `data.originalError.data`. */
function revertData(error: Record<string, unknown>): Hex | undefined {
  const data = error["data"];
  const places = [error["raw"], data];
  if (isObject(data)) {
    places.push(data["data"]);
    if (isObject(data["originalError"])) places.push(data["originalError"]["data"]);
  }
  // Four bytes at least: an empty `data` field beside another failure is not a revert.
  return places.find((place): place is Hex => typeof place === "string" && /^0x(?:[0-9a-fA-F]{2}){4,}$/.test(place));
}

const says = (error: Record<string, unknown>, pattern: RegExp): boolean =>
  [error["details"], error["shortMessage"], error["message"]].some(
    (text) => typeof text === "string" && pattern.test(text),
  );
