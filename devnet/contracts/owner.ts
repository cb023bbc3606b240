import {
  concatHex,
  createPublicClient,
  createWalletClient,
  encodeAbiParameters,
  encodeFunctionData,
  http,
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { jobRegistryAbi } from "../../abi/job-registry.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import type { Address, Hex } from "../../schema/units.js";
import { OwnerCallFailed } from "../errors.js";
import { addresses } from "./addresses.js";
import type { CompiledContracts } from "./compile.js";
import { parts } from "./genesis.js";

const abis = { workerRegistry: workerRegistryAbi, aiConfig: aiConfigAbi, jobRegistry: jobRegistryAbi } as const;
type Owned = keyof typeof abis;
type Writes<P extends Owned> = ContractFunctionName<(typeof abis)[P], "nonpayable">;
type WriteArgs<P extends Owned, N extends Writes<P>> = ContractFunctionArgs<(typeof abis)[P], "nonpayable", N>;

/** Proxies with an older implementation to go back to, and its name. */
const olderOf = { aiConfig: "AIConfigBeforeSortition", jobRegistry: "JobRegistryWithShortJobs" } as const;

/** Whoever owns the contracts of a rehearsal network, and changes them while it runs. Every method waits until the change is mined, and throws OwnerCallFailed (LF1046). */
export interface Owner {
  /** Calls a function that is the owner's: sets a parameter, pauses, retires a model. */
  call<P extends Owned, N extends Writes<P>>(contract: P, name: N, args: WriteArgs<P, N>): Promise<void>;
  /** Sends a proxy back to its older implementation (`src/older`), or on to the present one again. Storage stays. */
  upgrade(contract: keyof typeof olderOf, to: "older" | "present"): Promise<void>;
}

/**
 * @param options.key the owner's (`accounts.json`); nobody else may send with it meanwhile
 * @param options.compiled where older implementations come from
 */
export function createOwner(options: { rpcUrl: string; key: Hex; compiled: () => Promise<CompiledContracts> }): Owner {
  const account = privateKeyToAccount(options.key);
  const transport = http(options.rpcUrl);
  const client = createPublicClient({ transport, pollingInterval: 50, cacheTime: 0 });
  const wallet = createWalletClient({ account, transport });

  const send = async (what: string, to: Address | null, data: Hex): Promise<Address | null> => {
    try {
      const hash = await wallet.sendTransaction({ to, data, chain: null });
      const { status, contractAddress } = await client.waitForTransactionReceipt({ hash });
      if (status !== "success") throw new Error("it was reverted");
      return contractAddress ?? null;
    } catch (error) {
      throw new OwnerCallFailed(what, error);
    }
  };
  const deploy = async (contract: keyof typeof olderOf): Promise<Address> => {
    const { bytecode } = (await options.compiled())[olderOf[contract]];
    const present = encodeAbiParameters([{ type: "address" }], [parts[contract].code]);
    const at = await send(`deploy ${olderOf[contract]}`, null, concatHex([bytecode, present]));
    if (at === null) throw new Error("a deployment has an address");
    return at;
  };
  return {
    call: async (contract, name, args) => {
      const request = { abi: abis[contract] as Abi, functionName: name as string, args: args as readonly unknown[] };
      await send(`call ${name} of ${contract}`, addresses[contract], encodeFunctionData(request));
    },
    upgrade: async (contract, to) => {
      const implementation = to === "present" ? parts[contract].code : await deploy(contract);
      const data = encodeFunctionData({
        abi: aiConfigAbi,
        functionName: "upgradeToAndCall",
        args: [implementation, "0x"],
      });
      await send(`send ${contract} to its ${to} implementation`, addresses[contract], data);
    },
  };
}
