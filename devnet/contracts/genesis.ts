import { concatHex, getAddress, pad, parseEther, size, slice, toHex } from "viem";
import { type Address, type Hex, type Wei, wei } from "../../schema/units.js";
import type { GenesisAccount, GenesisAlloc } from "../chain/genesis.js";
import { addresses, type ContractAddresses } from "./addresses.js";
import type { CompiledContract, CompiledContracts, CompiledName } from "./compile.js";

/** The contracts behind proxies. */
export type Part = Exclude<keyof typeof addresses, "feePool">;
/** What each proxy stands before at genesis, and where. */
export const parts: Readonly<
  Record<Part, { readonly name: Exclude<CompiledName, "ERC1967Proxy">; readonly code: Address }>
> = {
  workerRegistry: { name: "WorkerRegistry", code: "0x0000000000000000000000000000000000003000" },
  aiConfig: { name: "AIConfig", code: "0x0000000000000000000000000000000000003001" },
  jobRegistry: { name: "JobRegistry", code: "0x0000000000000000000000000000000000003002" },
  sessionManager: { name: "SessionManager", code: "0x0000000000000000000000000000000000003003" },
  reputationRegistry: { name: "ReputationRegistry", code: "0x0000000000000000000000000000000000003004" },
};

/** Who has how much at genesis. */
export interface GenesisOptions {
  /** Owner of the contracts; has to pay for the set-up's gas. */
  readonly owner: Address;
  /** Default: 1,000,000 LCAI. */
  readonly ownerBalance?: Wei;
  /** Other accounts and their balances. Default: none. */
  readonly funded?: Readonly<Record<Address, Wei>>;
}

/**
 * The genesis state of the contracts: five ERC-1967 proxies, their implementations with the immutable `__self` of OpenZeppelin's UUPS filled in,
 * the fee pool and the funded accounts. The contracts still have to be initialised: `initialize.ts`.
 */
export function genesisAlloc(
  compiled: CompiledContracts,
  options: GenesisOptions,
): { alloc: GenesisAlloc; addresses: ContractAddresses } {
  const alloc: Record<Address, GenesisAccount> = { [addresses.feePool]: { balance: "0x0" } };
  for (const part of Object.keys(parts) as Part[]) {
    const { name, code } = parts[part];
    alloc[addresses[part]] = contract(compiled.ERC1967Proxy.deployedBytecode, { [implementationSlot]: pad(code) });
    alloc[code] = contract(withSelf(compiled[name], code), { [initializedSlot]: neverInitialized });
  }
  const balances = { [options.owner]: options.ownerBalance ?? wei(parseEther("1000000")), ...options.funded };
  for (const [account, balance] of Object.entries<Wei>(balances))
    alloc[getAddress(account)] = { balance: toHex(balance) };
  return { alloc, addresses };
}

/** `eip1967.proxy.implementation` (EIP-1967). */
const implementationSlot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
/** Where OpenZeppelin's Initializable keeps its version: at its maximum nobody can initialise an implementation itself. */
const initializedSlot = "0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00";
const neverInitialized = pad("0xffffffffffffffff");

/** Storage words are full 32 bytes; a nonce of 1 is what a created contract has. */
const contract = (code: Hex, storage: Readonly<Record<Hex, Hex>>): GenesisAccount => ({
  balance: "0x0",
  nonce: "0x1",
  code,
  storage,
});

/** Runtime code as the constructor would leave it: the one immutable there is, `__self`, holds the implementation's own address. */
function withSelf({ deployedBytecode, immutables }: CompiledContract, self: Address): Hex {
  return immutables.reduce<Hex>((code, start) => {
    const rest = start + 32 < size(code) ? slice(code, start + 32) : "0x";
    return concatHex([slice(code, 0, start), pad(self), rest]);
  }, deployedBytecode);
}
