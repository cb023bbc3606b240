import { join } from "node:path";
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  createTestClient,
  encodeFunctionData,
  hexToBigInt,
  http,
  keccak256,
  parseEther,
  parseEventLogs,
  publicActions,
  stringToHex,
  type TransactionReceipt,
  walletActions,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { expect } from "vitest";
import { aiConfigAbi } from "../../../../abi/ai-config.js";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { reputationRegistryAbi } from "../../../../abi/reputation-registry.js";
import { type RevertName, revertOf } from "../../../../abi/revert.js";
import { sessionManagerAbi } from "../../../../abi/session-manager.js";
import { workerRegistryAbi } from "../../../../abi/worker-registry.js";
import { type CompiledContracts, compileContracts } from "../../../../devnet/contracts/compile.js";
import { addresses } from "../../../../devnet/contracts/addresses.js";
import { genesisAlloc } from "../../../../devnet/contracts/genesis.js";
import { initializeCalls } from "../../../../devnet/contracts/initialize.js";
import type { ContractSettingsInput } from "../../../../devnet/contracts/settings.js";
import { packageRoot } from "../../../../system/package-root.js";
import { type Address, type Hex, type Wei, wei } from "../../../../schema/units.js";
import { startAnvil } from "./anvil.js";

const abis = {
  workerRegistry: workerRegistryAbi,
  aiConfig: aiConfigAbi,
  jobRegistry: jobRegistryAbi,
  sessionManager: sessionManagerAbi,
  reputationRegistry: reputationRegistryAbi,
} as const;
type Abis = typeof abis;
export type Part = keyof Abis;
type Writes<P extends Part> = ContractFunctionName<Abis[P], "nonpayable" | "payable">;
type Reads<P extends Part> = ContractFunctionName<Abis[P], "view" | "pure">;
type WriteArgs<P extends Part, N extends Writes<P>> = ContractFunctionArgs<Abis[P], "nonpayable" | "payable", N>;
type ReadArgs<P extends Part, N extends Reads<P>> = ContractFunctionArgs<Abis[P], "view" | "pure", N>;

const names = ["owner", "treasury", "guardian", "dispatcher", "disputer"] as const;
const people = ["worker", "rival", "third", "user", "stranger", "delegate", "keeper"] as const;
const account = (name: string) => privateKeyToAccount(keccak256(stringToHex(`lightchain-fleet test ${name}`)));
type Actor = (typeof names)[number] | (typeof people)[number];

/** Who plays in the contract tests; all but `treasury` start with a million LCAI. Anvil sends for them; the keys are for signatures. */
export const keys = Object.fromEntries([...names, ...people].map((name) => [name, account(name)])) as Record<
  Actor,
  ReturnType<typeof account>
>;
export const who = Object.fromEntries(Object.entries(keys).map(([name, { address }]) => [name, address])) as Record<
  Actor,
  Address
>;
export const lcai = (amount: string): Wei => wei(parseEther(amount));
export const models = {
  small: { name: "qwen3-embedding:0.6b", fee: lcai("0.005"), maxOutputTokens: 512 },
  usual: { name: "llama3-8b", fee: lcai("0.02"), maxOutputTokens: 2_048 },
};

/** A call that is not sent yet. */
export interface Call {
  readonly from: Address;
  readonly to: Address;
  readonly data: Hex;
  readonly value: bigint;
}
export interface Event {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export type TestNetwork = Awaited<ReturnType<typeof startTestNetwork>>;

export const compileForTests = (): Promise<CompiledContracts> =>
  compileContracts({ cacheFolder: join(packageRoot(), "node_modules", ".cache", "devnet-contracts") });

/** The contracts on an anvil of their own, set up with the defaults but for what is given. */
export async function startTestNetwork(settings: Partial<ContractSettingsInput> = {}) {
  const compiled = await compileForTests();
  const funded = Object.fromEntries(people.map((name) => [who[name], lcai("1000000")]));
  const others = { [who.guardian]: lcai("10"), [who.disputer]: lcai("1000") };
  const { alloc } = genesisAlloc(compiled, { owner: who.owner, funded: { ...funded, ...others } });
  const anvil = await startAnvil(alloc);
  const client = createTestClient({ mode: "anvil", transport: http(anvil.url), cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions);

  async function sendCall(call: Call): Promise<TransactionReceipt> {
    const { from, ...request } = call;
    const hash = await client.sendTransaction({ ...request, account: from, chain: null, gas: 15_000_000n });
    await client.mine({ blocks: 1 });
    const receipt = await client.getTransactionReceipt({ hash });
    if (receipt.status === "reverted") {
      // A second look at the same block says why; it throws.
      await client.call({ ...request, account: from, blockNumber: receipt.blockNumber });
      throw new Error("a transaction was reverted, and then was not");
    }
    return receipt;
  }

  const network = {
    client,
    compiled,
    chainId: anvil.chainId,
    stop: () => anvil.stop(),
    sendCall,

    /** A call to be sent or tried. */
    call<P extends Part, N extends Writes<P>>(
      from: Address,
      part: P,
      name: N,
      args: WriteArgs<P, N>,
      value = 0n,
    ): Call {
      const request = { abi: abis[part] as Abi, functionName: name as string, args: args as readonly unknown[] };
      return { from, to: addresses[part], data: encodeFunctionData(request), value };
    },
    /** A read as a call, for those that are refused. */
    view<P extends Part, N extends Reads<P>>(part: P, name: N, args: ReadArgs<P, N>): Call {
      const request = { abi: abis[part] as Abi, functionName: name as string, args: args as readonly unknown[] };
      return { from: who.stranger, to: addresses[part], data: encodeFunctionData(request), value: 0n };
    },
    /** Sends and mines; rejects with the revert. */
    send<P extends Part, N extends Writes<P>>(from: Address, part: P, name: N, args: WriteArgs<P, N>, value = 0n) {
      return sendCall(network.call(from, part, name, args, value));
    },
    /** Like send, by the owner. */
    set<P extends Part, N extends Writes<P>>(part: P, name: N, args: WriteArgs<P, N>) {
      return network.send(who.owner, part, name, args);
    },
    read<P extends Part, N extends Reads<P>>(part: P, name: N, args: ReadArgs<P, N>) {
      const request = { abi: abis[part] as Abi, functionName: name as string, args: args as readonly unknown[] };
      return client.readContract({ ...request, address: addresses[part] }) as Promise<
        ContractFunctionReturnType<Abis[P], "view" | "pure", N>
      >;
    },
    /** The revert a call meets on the latest block, or `undefined` when it would pass. */
    async refusal({ from, ...call }: Call): Promise<{ name: string; args: readonly unknown[] } | undefined> {
      try {
        await client.call({ ...call, account: from });
        return undefined;
      } catch (error) {
        const revert = revertOf(error);
        if (revert === undefined) throw error;
        return revert.name === "Unknown"
          ? { name: revert.selector, args: [] }
          : { name: revert.name, args: revert.args };
      }
    },
    /** Expects a call to revert with exactly this. */
    async expectRefused(call: Call, name: RevertName | "Panic", args: readonly unknown[]): Promise<void> {
      expect(await network.refusal(call)).toEqual({ name, args });
    },
    balance: (address: Address): Promise<bigint> => client.getBalance({ address }),
    async now(): Promise<bigint> {
      return (await client.getBlock()).timestamp;
    },
    /** Mines a block so many seconds after the latest one. */
    async advance(seconds: number | bigint): Promise<void> {
      await network.nextBlockAt((await network.now()) + BigInt(seconds));
      await network.mine(1);
    },
    /** The time of the next block, whoever mines it. */
    nextBlockAt: (timestamp: bigint): Promise<void> => client.setNextBlockTimestamp({ timestamp }),
    /** One by one, so that each has a time of its own. */
    mine: (blocks: number): Promise<void> => client.mine({ blocks, interval: 1 }),
    snapshot: (): Promise<Hex> => client.snapshot(),
    revertTo: (id: Hex): Promise<void> => client.revert({ id }),
    async storage(address: Address, slot: Hex): Promise<bigint> {
      return hexToBigInt((await client.getStorageAt({ address, slot })) ?? "0x0");
    },
  };

  const { treasury, guardian, dispatcher, disputer } = who;
  const input = { owner: who.owner, treasury, guardian, dispatcher, disputer, models: Object.values(models) };
  for (const call of initializeCalls(addresses, { ...input, ...settings }))
    await sendCall({ from: who.owner, value: 0n, ...call });
  return network;
}

const allEvents = Object.values(abis).flatMap((abi) => abi.filter((item) => item.type === "event")) as Abi;

/** The receipt's events of our contracts, in order. */
export function events({ logs }: TransactionReceipt): Event[] {
  const unique = new Map(allEvents.map((item) => [JSON.stringify(item), item]));
  return parseEventLogs({ abi: [...unique.values()], logs }).map((log) => ({
    name: log.eventName,
    args: log.args as unknown as Record<string, unknown>,
  }));
}

/** The arguments of the one event of this name. */
export function eventArgs(receipt: TransactionReceipt, name: string): Readonly<Record<string, unknown>> {
  const found = events(receipt).filter((event) => event.name === name);
  expect(found, `events named ${name}`).toHaveLength(1);
  return found[0]!.args;
}
