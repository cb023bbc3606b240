import { join } from "node:path";
import { parseEther } from "viem";
import { generatePrivateKey } from "viem/accounts";
import { wei, type Address, type Wei } from "../schema/units.js";
import { packageRoot } from "../system/package-root.js";
import type { GenesisAlloc } from "./chain/genesis.js";
import { addresses } from "./contracts/addresses.js";
import { compileContracts } from "./contracts/compile.js";
import { genesisAlloc } from "./contracts/genesis.js";
import { initializeCalls, type OwnerCall } from "./contracts/initialize.js";
import type { ContractSettings } from "./contracts/settings.js";
import { accountOf, type Accounts } from "./documents.js";
import type { TinyModelText } from "./model/answers.js";

/*
 * What is decided when a rehearsal network is started for the first time, and kept from then on: accounts, the contracts' set-up, the first state.
 */

const balances = {
  treasury: wei(parseEther("1000000")),
  consumer: wei(parseEther("10000")),
  disputer: wei(parseEther("1000")),
};
const CONSUMERS = 3;

/** Accounts that nobody had before. */
export const newAccounts = (): Accounts => ({
  owner: accountOf(generatePrivateKey()),
  disputer: accountOf(generatePrivateKey()),
  treasury: accountOf(generatePrivateKey()),
  dispatcher: accountOf(generatePrivateKey()),
  consumers: Array.from({ length: CONSUMERS }, () => accountOf(generatePrivateKey())),
});

const JOB_FEE = wei(parseEther("0.02"));
const MAX_OUTPUT_TOKENS = 1024;

/** What the owner sends once to set the contracts up. Models that `settings` does not name are those of the registry. */
export const setupCalls = (
  accounts: Accounts,
  models: readonly TinyModelText[],
  settings: Partial<Omit<ContractSettings, "owner">> = {},
): OwnerCall[] =>
  initializeCalls(addresses, {
    models: models.map(({ name }) => ({ name, fee: JOB_FEE, maxOutputTokens: MAX_OUTPUT_TOKENS })),
    disputer: accounts.disputer.address,
    ...(accounts.dispatcher && { dispatcher: accounts.dispatcher.address }),
    ...settings,
    owner: accounts.owner.address,
  });

/** The chain's first state: contracts, and money for the accounts. */
export async function firstState(accounts: Accounts, cacheFolder = defaultCache()): Promise<GenesisAlloc> {
  const funded: Record<Address, Wei> = {
    [accounts.treasury.address]: balances.treasury,
    [accounts.disputer.address]: balances.disputer,
  };
  for (const { address } of accounts.consumers) funded[address] = balances.consumer;
  const compiled = await compileContracts({ cacheFolder });
  return genesisAlloc(compiled, { owner: accounts.owner.address, funded }).alloc;
}

const defaultCache = (): string => join(packageRoot(), "node_modules", ".cache", "lightchain-fleet");
