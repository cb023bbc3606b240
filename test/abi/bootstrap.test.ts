import {
  createPublicClient,
  custom,
  encodeAbiParameters,
  encodeFunctionData,
  getAddress,
  parseAbiParameters,
  toHex,
  zeroAddress,
} from "viem";
import { expect, test } from "vitest";
import {
  type ChainReader,
  ContractMismatch,
  NodeUnreachable,
  WrongChain,
  resolveContracts,
} from "../../abi/bootstrap.js";
import { networks } from "../../abi/networks.js";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import type { Network } from "../../schema/network.js";
import type { Address, Hex } from "../../schema/units.js";

const { testnet, mainnet } = networks;
const reputation: Address = "0xBB22dE7f446B50Ce9e5D087464848A0FD1585f14";
const stranger: Address = "0x24D11533C354092ed6E18b964257819cE78Ce77D";

const getters = {
  aiConfig: encodeFunctionData({ abi: workerRegistryAbi, functionName: "aiConfig" }),
  jobRegistry: encodeFunctionData({ abi: workerRegistryAbi, functionName: "jobRegistry" }),
  sessionManager: encodeFunctionData({ abi: aiConfigAbi, functionName: "getSessionManagerAddress" }),
  reputationRegistry: encodeFunctionData({ abi: jobRegistryAbi, functionName: "reputationRegistry" }),
};
type Answers = Record<keyof typeof getters, Address | "reverts" | "silent">;

/** A chain on which each getter answers what the test says, at the contract the testnet has it. */
function chain(answers: Partial<Answers> = {}, chainId: number = testnet.chainId): ChainReader {
  const all: Answers = { ...testnet.contracts, reputationRegistry: reputation, ...answers };
  const keepers: Record<keyof Answers, Address> = {
    aiConfig: testnet.contracts.workerRegistry,
    jobRegistry: testnet.contracts.workerRegistry,
    sessionManager: testnet.contracts.aiConfig,
    reputationRegistry: testnet.contracts.jobRegistry,
  };
  return {
    getChainId: async () => chainId,
    call: async ({ to, data }) => {
      const getter = (Object.keys(getters) as (keyof Answers)[]).find((name) => getters[name] === data)!;
      if (keepers[getter] !== to) throw new Error(`asked ${to} for ${getter}`);
      const answer = all[getter];
      if (answer === "reverts") throw Object.assign(new Error("execution reverted"), { code: 3 });
      return answer === "silent" ? {} : { data: address(answer) };
    },
  };
}
const address = (value: Address): Hex => encodeAbiParameters(parseAbiParameters("address"), [value]);
const withoutPins: Network = { ...testnet, contracts: { workerRegistry: testnet.contracts.workerRegistry } };

test("the chain names every contract, given only the WorkerRegistry", async () => {
  expect(await resolveContracts(chain(), withoutPins)).toEqual({
    ...testnet.contracts,
    reputationRegistry: reputation,
  });
});

test("a viem client is asked as it is", async () => {
  const reader = chain();
  const request = async ({ method, params }: { method: string; params?: unknown }): Promise<unknown> => {
    if (method === "eth_chainId") return toHex(await reader.getChainId());
    const [{ to, data }] = params as [{ to: Address; data: Hex }];
    return (await reader.call({ to: getAddress(to), data })).data;
  };
  const client = createPublicClient({ transport: custom({ request }) });
  expect(await resolveContracts(client, testnet)).toMatchObject(testnet.contracts);
});

test("pins that agree with the chain change nothing", async () => {
  expect(await resolveContracts(chain(), testnet)).toEqual(await resolveContracts(chain(), withoutPins));
});

test.each(["reverts", "silent", zeroAddress] as const)(
  "a newer getter that %s means there is no such contract",
  async (answer) => {
    const contracts = await resolveContracts(
      chain({ sessionManager: answer, reputationRegistry: answer }),
      withoutPins,
    );
    expect(contracts).toMatchObject({ sessionManager: null, reputationRegistry: null });
  },
);

test.each(["aiConfig", "jobRegistry", "sessionManager"] as const)(
  "a %s other than the pinned one is refused",
  async (contract) => {
    const resolved = resolveContracts(chain(), {
      ...testnet,
      contracts: { ...testnet.contracts, [contract]: stranger },
    });
    await expect(resolved).rejects.toThrow(ContractMismatch);
    await expect(resolved).rejects.toMatchObject({
      code: "LF1210",
      contract,
      pinned: stranger,
      found: testnet.contracts[contract],
    });
  },
);

test("a pinned SessionManager that the chain does not have is refused", async () => {
  await expect(resolveContracts(chain({ sessionManager: "reverts" }), testnet)).rejects.toThrow(ContractMismatch);
});

test.each(["reverts", "silent", zeroAddress] as const)("a WorkerRegistry whose getter %s is none", async (answer) => {
  await expect(resolveContracts(chain({ jobRegistry: answer }), withoutPins)).rejects.toThrow(ContractMismatch);
  await expect(resolveContracts(chain({ aiConfig: answer }), withoutPins)).rejects.toThrow(/names no aiConfig/);
});

test("a node of another chain is refused before anything is read from it", async () => {
  const resolved = resolveContracts(chain({}, mainnet.chainId), testnet);
  await expect(resolved).rejects.toThrow(WrongChain);
  await expect(resolved).rejects.toMatchObject({ code: "LF1211", expected: 8200, found: 9200 });
});

test("a node that does not answer is named without the key in its URL", async () => {
  const keyed: Network = { ...testnet, endpoints: { ...testnet.endpoints, rpc: "https://node.example/v1/secret-key" } };
  const down: ChainReader = { getChainId: () => Promise.reject(new Error("fetch failed")), call: async () => ({}) };
  const resolved = resolveContracts(down, keyed);
  await expect(resolved).rejects.toThrow(NodeUnreachable);
  await expect(resolved).rejects.toMatchObject({ code: "LF1212" });
  await expect(resolved).rejects.toThrow("https://node.example");
  await expect(resolved).rejects.not.toThrow("secret-key");
});

test("a node that fails in the middle is unreachable, not without contracts", async () => {
  const failing: ChainReader = { ...chain(), call: () => Promise.reject(new Error("socket hang up")) };
  await expect(resolveContracts(failing, testnet)).rejects.toThrow(NodeUnreachable);
});

test("an answer that is no address is the node's fault", async () => {
  const odd: ChainReader = { ...chain(), call: async () => ({ data: "0x1234" }) };
  await expect(resolveContracts(odd, testnet)).rejects.toThrow(NodeUnreachable);
});
