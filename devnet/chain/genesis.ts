import type { Address, Hex } from "../../schema/units.js";

/**
 * Which rules a block is made by. `prague` takes blob transactions with version-0 sidecars (one KZG proof a blob, EIP-4844) and refuses
 * version 1; `osaka` is the other way round (cell proofs, EIP-7594).
 */
export type Fork = "prague" | "osaka";

/** Which rules are asked for. A folder keeps those that its chain was made with: with others it does not start. */
export interface Forks {
  /** Those of the first block. Default: what the folder has; `prague` in a new one. */
  readonly fork?: Fork;
  /** Seconds after the first block from which a chain that begins by Prague's rules follows Osaka's. Default: never. */
  readonly osakaAfter?: number;
}

/** The same in one number: seconds after the first block from which Osaka's rules hold, `null` for never; `undefined` leaves it to the folder. */
export function osakaAfterIn({ fork, osakaAfter }: Forks): number | null | undefined {
  if (fork === "osaka") return 0;
  return osakaAfter ?? (fork === "prague" ? null : undefined);
}

/** An account's part of the genesis state. Numbers are hex quantities. */
export interface GenesisAccount {
  readonly balance: Hex;
  readonly nonce?: Hex;
  readonly code?: Hex;
  readonly storage?: Readonly<Record<Hex, Hex>>;
}
/** What the first block holds, by address. */
export type GenesisAlloc = Readonly<Record<Address, GenesisAccount>>;

/** geth's genesis file, as far as this chain uses it. */
export interface Genesis {
  readonly config: { readonly chainId: number; readonly osakaTime?: number } & Readonly<Record<string, unknown>>;
  readonly timestamp: Hex;
  readonly alloc: GenesisAlloc;
  readonly [field: string]: unknown;
}

/**
 * The genesis of a proof-of-stake chain with every fork up to Prague at block 0, the two system contracts that blocks of these forks need
 * (EIP-4788 beacon roots, EIP-2935 block hashes) and the accounts given.
 * @param options.osakaAfter seconds after block 0 from which blocks follow Osaka's rules: 0 is from the start, `null` never
 * @param options.timestamp Unix seconds of block 0; later blocks are later than it
 */
export function chainGenesis(options: {
  chainId: number;
  osakaAfter: number | null;
  timestamp: number;
  alloc: GenesisAlloc;
}): Genesis {
  const { osakaAfter } = options;
  const blobs = { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716 };
  return {
    config: {
      chainId: options.chainId,
      ...Object.fromEntries(blockForks.map((name) => [`${name}Block`, 0])),
      terminalTotalDifficulty: 0,
      shanghaiTime: 0,
      cancunTime: 0,
      pragueTime: 0,
      ...(osakaAfter === null ? {} : { osakaTime: options.timestamp + osakaAfter }),
      depositContractAddress: "0x00000000219ab540356cbb839cbe05303d7705fa",
      blobSchedule: {
        cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477 },
        prague: blobs,
        ...(osakaAfter === null ? {} : { osaka: blobs }),
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

/** The rules of a block of this time (Unix seconds) on the chain of a genesis. */
export function forkAt(genesis: Genesis, timestamp: number): Fork {
  const { osakaTime } = genesis.config;
  return osakaTime !== undefined && timestamp >= osakaTime ? "osaka" : "prague";
}

/** When the chain of a genesis changes to Osaka's rules: seconds after its first block, `null` for never. */
export const osakaAfterOf = ({ config, timestamp }: Genesis): number | null =>
  config.osakaTime === undefined ? null : config.osakaTime - Number(timestamp);

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
