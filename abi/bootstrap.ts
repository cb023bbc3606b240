import { decodeFunctionResult, encodeFunctionData, getAddress, parseAbi, zeroAddress } from "viem";
import { FleetError } from "../schema/errors.js";
import type { Network } from "../schema/network.js";
import type { Address, Hex } from "../schema/units.js";
import { revertOf } from "./revert.js";

/** What is asked of a node; a viem `PublicClient` is one. */
export interface ChainReader {
  getChainId(): Promise<number>;
  call(request: { to: Address; data: Hex }): Promise<{ data?: Hex | undefined }>;
}

/** The addresses of a network's contracts, as the chain itself names them. */
export interface Contracts {
  readonly workerRegistry: Address;
  readonly jobRegistry: Address;
  readonly aiConfig: Address;
  /** `null` where the network has none (dispatcher mode) or its AIConfig is too old to say. */
  readonly sessionManager: Address | null;
  /** `null` where the network has none or its JobRegistry is too old to say. */
  readonly reputationRegistry: Address | null;
}

/** LF1210: the chain names another contract than the network's pin, or none where there must be one. */
export class ContractMismatch extends FleetError {
  constructor(
    readonly network: string,
    readonly contract: string,
    readonly pinned: Address | null,
    readonly found: Address | null,
  ) {
    super(
      "LF1210",
      pinned === null
        ? `${network} names no ${contract}.`
        : `${network} names ${found ?? "no contract"} as its ${contract}, but ${pinned} was expected.`,
      {
        fix: `check endpoints.rpc and contracts.${contract} of network "${network}"; if the network announced a new ${contract}, correct the pin.`,
      },
    );
  }
}

/** LF1211: the node serves another chain than the one that was meant. */
export class WrongChain extends FleetError {
  constructor(
    readonly network: string,
    readonly expected: number,
    readonly found: number,
    rpc: string,
  ) {
    super("LF1211", `The node at ${originOf(rpc)} serves chain ${found}, but ${network} is chain ${expected}.`, {
      fix: `set endpoints.rpc of network "${network}" to a node of chain ${expected}.`,
    });
  }
}

/** LF1212: the node did not answer, or not with something usable. */
export class NodeUnreachable extends FleetError {
  constructor(
    readonly network: string,
    rpc: string,
    cause: unknown,
  ) {
    super("LF1212", `The node at ${originOf(rpc)} of ${network} could not be asked.`, {
      fix: `check that ${originOf(rpc)} answers from this machine, or set another endpoints.rpc for network "${network}", then run the command again.`,
      cause,
    });
  }
}

/**
 * Finds a network's contracts from the one address that is hard-coded, the WorkerRegistry, after checking that the node serves the right chain.
 * Every pin in `network.contracts` is compared with what the chain answers. Source: contracts reference §1, bootstrap rule.
 *
 * @throws ContractMismatch (LF1210) · WrongChain (LF1211) · NodeUnreachable (LF1212)
 */
export async function resolveContracts(client: ChainReader, network: Network): Promise<Contracts> {
  const chainId = await asking(network, () => client.getChainId());
  if (chainId !== network.chainId) throw new WrongChain(network.name, network.chainId, chainId, network.endpoints.rpc);

  const read = (contract: Address, getter: Getter) => readAddress(client, network, contract, getter);
  const { workerRegistry, ...pins } = network.contracts;
  const [aiConfig, jobRegistry] = await Promise.all([
    read(workerRegistry, "aiConfig"),
    read(workerRegistry, "jobRegistry"),
  ]);
  if (aiConfig === null || aiConfig !== (pins.aiConfig ?? aiConfig))
    throw new ContractMismatch(network.name, "aiConfig", pins.aiConfig ?? null, aiConfig);
  if (jobRegistry === null || jobRegistry !== (pins.jobRegistry ?? jobRegistry))
    throw new ContractMismatch(network.name, "jobRegistry", pins.jobRegistry ?? null, jobRegistry);

  const [sessionManager, reputationRegistry] = await Promise.all([
    read(aiConfig, "getSessionManagerAddress"),
    read(jobRegistry, "reputationRegistry"),
  ]);
  if (pins.sessionManager !== undefined && pins.sessionManager !== sessionManager)
    throw new ContractMismatch(network.name, "sessionManager", pins.sessionManager, sessionManager);
  return { workerRegistry, jobRegistry, aiConfig, sessionManager, reputationRegistry };
}

const getters = parseAbi([
  "function aiConfig() view returns (address)",
  "function jobRegistry() view returns (address)",
  "function getSessionManagerAddress() view returns (address)",
  "function reputationRegistry() view returns (address)",
]);
type Getter = (typeof getters)[number]["name"];

/** The address a getter answers; `null` when it answers zero or is not there: older implementations revert, an account without code is silent. */
async function readAddress(
  client: ChainReader,
  network: Network,
  to: Address,
  getter: Getter,
): Promise<Address | null> {
  const answer = await asking(network, async () => {
    try {
      return (await client.call({ to, data: encodeFunctionData({ abi: getters, functionName: getter }) })).data ?? "0x";
    } catch (error) {
      if (revertOf(error) !== undefined) return "0x";
      throw error;
    }
  });
  if (answer === "0x") return null;
  const address = await asking(network, async () =>
    getAddress(decodeFunctionResult({ abi: getters, functionName: getter, data: answer })),
  );
  return address === zeroAddress ? null : address;
}

async function asking<T>(network: Network, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new NodeUnreachable(network.name, network.endpoints.rpc, error);
  }
}

/** The host part only: paths and queries of RPC endpoints often carry an access key. */
const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : "its endpoint");
