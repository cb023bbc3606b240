import type { Address, Hex } from "../../schema/units.js";

/**
 * Which rules the chain runs by from its first block. `prague` takes blob transactions with version-0 sidecars (one KZG proof a blob,
 * EIP-4844) and refuses version 1; `osaka` is the other way round (cell proofs, EIP-7594).
 */
export type Fork = "prague" | "osaka";

/** An account's part of the genesis state. Numbers are hex quantities. */
export interface GenesisAccount {
  readonly balance: Hex;
  readonly nonce?: Hex;
  readonly code?: Hex;
  readonly storage?: Readonly<Record<Hex, Hex>>;
}
export type GenesisAlloc = Readonly<Record<Address, GenesisAccount>>;

/** geth's genesis file, as far as this chain uses it. */
export interface Genesis {
  readonly config: { readonly chainId: number } & Readonly<Record<string, unknown>>;
  readonly timestamp: Hex;
  readonly alloc: GenesisAlloc;
  readonly [field: string]: unknown;
}

/**
 * The genesis of a proof-of-stake chain with every fork up to `fork` at block 0, the two system contracts that blocks of these forks need
 * (EIP-4788 beacon roots, EIP-2935 block hashes) and the accounts given.
 * @param options.timestamp Unix seconds of block 0; later blocks are later than it
 */
export function chainGenesis(options: {
  chainId: number;
  fork: Fork;
  timestamp: number;
  alloc: GenesisAlloc;
}): Genesis {
  return {
    config: {
      chainId: options.chainId,
      ...Object.fromEntries(blockForks.map((name) => [`${name}Block`, 0])),
      terminalTotalDifficulty: 0,
      shanghaiTime: 0,
      cancunTime: 0,
      pragueTime: 0,
      ...(options.fork === "osaka" ? { osakaTime: 0 } : {}),
      depositContractAddress: "0x00000000219ab540356cbb839cbe05303d7705fa",
      blobSchedule: {
        cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477 },
        prague: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716 },
        ...(options.fork === "osaka" ? { osaka: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716 } } : {}),
      },
    },
    nonce: "0x0",
    timestamp: `0x${options.timestamp.toString(16)}`,
    extraData: "0x",
    gasLimit: "0x1c9c380", // 30 million
    difficulty: "0x0",
    mixHash: `0x${"00".repeat(32)}`,
    coinbase: `0x${"00".repeat(20)}`,
    baseFeePerGas: "0x3b9aca00", // 1 gwei
    alloc: { ...systemContracts, ...options.alloc },
  };
}

const blockForks = [
  ...["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul"],
  ...["muirGlacier", "berlin", "london", "arrowGlacier", "grayGlacier", "mergeNetsplit"],
];

/** Code as published in EIP-4788 and EIP-2935. */
const systemContracts: GenesisAlloc = {
  "0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02": {
    nonce: "0x1",
    balance: "0x0",
    code: "0x3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500",
  },
  "0x0000F90827F1C53a10cb7A02335B175320002935": {
    nonce: "0x1",
    balance: "0x0",
    code: "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
  },
};
