import { type Abi, toEventSelector, toFunctionSelector, toFunctionSignature } from "viem";
import { describe, expect, test } from "vitest";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { reputationRegistryAbi } from "../../abi/reputation-registry.js";
import { sessionManagerAbi } from "../../abi/session-manager.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { errorRows, eventRows, functionRows } from "./fixtures/selectors.js";

const abis: Record<string, Abi> = {
  W: workerRegistryAbi,
  J: jobRegistryAbi,
  S: sessionManagerAbi,
  C: aiConfigAbi,
  R: reputationRegistryAbi,
};
const letters = Object.keys(abis);

test.each([
  ["WorkerRegistry", workerRegistryAbi, { function: 50, event: 22, error: 38 }],
  ["JobRegistry", jobRegistryAbi, { function: 45, event: 32, error: 56 }],
  ["SessionManager", sessionManagerAbi, { function: 17, event: 6, error: 24 }],
  ["AIConfig", aiConfigAbi, { function: 78, event: 20, error: 17 }],
  ["ReputationRegistry", reputationRegistryAbi, { function: 17, event: 5, error: 13 }],
])("%s has every function, event and error of its source", (_, abi: Abi, counts) => {
  const of = (type: string) => abi.filter((item) => item.type === type).length;
  expect({ function: of("function"), event: of("event"), error: of("error") }).toEqual(counts);
});

/**
 * `namedTypes`: characters by which the compiler's names for structs and enums (`struct ISessionManager.Request`) are longer than the plain types;
 * nothing else of the source is missing in what `parseAbi` keeps.
 */
test.each([
  ["WorkerRegistry", workerRegistryAbi, { bytes: 28190, constructor: false, namedTypes: 0 }],
  ["JobRegistry", jobRegistryAbi, { bytes: 44354, constructor: true, namedTypes: 87 }],
  ["SessionManager", sessionManagerAbi, { bytes: 13904, constructor: true, namedTypes: 50 }],
  ["AIConfig", aiConfigAbi, { bytes: 30079, constructor: false, namedTypes: 0 }],
  ["ReputationRegistry", reputationRegistryAbi, { bytes: 9215, constructor: true, namedTypes: 38 }],
])("%s written as the compiler writes it is as long as its source", (_, abi: Abi, source) => {
  expect(compilerJson(abi, source.constructor).length + source.namedTypes).toBe(source.bytes);
});

describe("every selector of the reference's tables", () => {
  test.each(errorRows)("error %s is %s", (selector, signature, contracts) => {
    expect(toFunctionSelector(signature)).toBe(selector);
    expect(declaring("error", signature)).toEqual(contracts.split(" "));
  });
  test.each(eventRows)("event %s is %s", (topic, signature, contracts) => {
    expect(toEventSelector(signature)).toBe(topic);
    expect(declaring("event", signature)).toEqual(contracts.split(" "));
  });
  test.each(functionRows)("function %s is %s", (selector, signature, contract) => {
    expect(toFunctionSelector(signature)).toBe(selector);
    expect(declaring("function", signature)).toContain(contract);
  });
});

test("the tables name every error and event of the five contracts", () => {
  expect([errorRows.length, eventRows.length, functionRows.length]).toEqual([95, 70, 54]);
  const all = (type: string) => new Set(letters.flatMap((letter) => signatures(letter, type)));
  expect(all("error")).toEqual(new Set(errorRows.map(([, signature]) => signature)));
  expect(all("event")).toEqual(new Set(eventRows.map(([, signature]) => signature)));
});

function signatures(letter: string, type: string): string[] {
  return abis[letter]!.flatMap((item) => {
    if (item.type !== type || item.type === "constructor" || item.type === "fallback" || item.type === "receive")
      return [];
    return [
      toFunctionSignature({
        name: item.name,
        inputs: item.inputs,
        type: "function",
        outputs: [],
        stateMutability: "view",
      }),
    ];
  });
}

const declaring = (type: string, signature: string): string[] =>
  letters.filter((letter) => signatures(letter, type).includes(signature));

interface Parameter {
  readonly name?: string | undefined;
  readonly type: string;
  readonly components?: readonly Parameter[] | undefined;
  readonly indexed?: boolean | undefined;
}

function compilerJson(abi: Abi, withConstructor: boolean): string {
  const parameter = (of: Parameter): object => ({
    name: of.name ?? "",
    type: of.type,
    ...(of.components && { components: of.components.map(parameter) }),
    internalType: of.type,
  });
  const items = abi.map((item): object => {
    if (item.type === "function")
      return { ...item, inputs: item.inputs.map(parameter), outputs: item.outputs.map(parameter) };
    if (item.type === "event") {
      const inputs = item.inputs.map((of) => ({ ...parameter(of), indexed: of.indexed === true }));
      return { ...item, inputs, anonymous: false };
    }
    return item.type === "error" ? { ...item, inputs: item.inputs.map(parameter) } : item;
  });
  const empty = { type: "constructor", inputs: [], stateMutability: "nonpayable" };
  return `${JSON.stringify(withConstructor ? [empty, ...items] : items, null, 2)}\n`;
}
