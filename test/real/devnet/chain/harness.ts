import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  hexToBytes,
  http,
  parseEther,
  toHex,
  type Hash,
} from "viem";
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from "viem/accounts";
import { startChain, type ChainOptions } from "../../../../devnet/chain/chain.js";
import { Faults } from "../../../../devnet/faults.js";
import { withSidecar, type BlobSidecar } from "../../../../protocol/blob-transaction.js";
import { versionedHash } from "../../../../protocol/blob.js";
import { tool } from "../../toolchain.js";
import { constantBlob, constantBlobKzg } from "./constant-blobs.js";

const CHAIN_ID = 48221;
/** No block comes by itself within a test. */
export const NEVER = 3_600_000;

export const newFolder = () => mkdtemp(join(tmpdir(), "lightchain-chain-"));
export const removeFolder = (dir: string) => rm(dir, { recursive: true, force: true });

/** A chain of a test's own with three funded accounts. */
export async function startTestChain(options: Partial<ChainOptions> = {}, accounts = threeAccounts()) {
  const dir = options.dir ?? (await newFolder());
  const faults = options.faults ?? new Faults();
  const errors: unknown[] = [];
  const chain = await startChain({
    geth: await tool("geth"),
    chainId: CHAIN_ID,
    alloc: async () =>
      Object.fromEntries(accounts.map(({ address }) => [address, { balance: toHex(parseEther("1000")) }])),
    onError: (error) => errors.push(error),
    ...options,
    dir,
    faults,
  });
  const viemChain = defineChain({
    id: CHAIN_ID,
    name: "test",
    nativeCurrency: { name: "LCAI", symbol: "LCAI", decimals: 18 },
    rpcUrls: { default: { http: [chain.rpcUrl] } },
  });
  const client = createPublicClient({ chain: viemChain, transport: http(), pollingInterval: 20, cacheTime: 0 });
  // geth needs four seconds of processor time after its start before it can check a blob.
  const wallet = createWalletClient({
    chain: viemChain,
    transport: http(undefined, { retryCount: 0, timeout: 60_000 }),
  });
  return {
    ...chain,
    dir,
    faults,
    errors,
    accounts,
    client,
    /** Sends 1 wei to oneself, or whatever `fields` say. */
    sendPlain: (account: PrivateKeyAccount, fields: Partial<PlainFields> = {}): Promise<Hash> =>
      wallet.sendTransaction({ account, to: account.address, value: 1n, gas: 50_000n, gasPrice: gwei(2), ...fields }),
    /** Sends a blob the way a worker does: to oneself, without value or data. */
    sendBlob: (account: PrivateKeyAccount, fields: Partial<BlobFields> = {}): Promise<Hash> => {
      const { k = 1, ...others } = fields;
      return wallet.sendTransaction({
        account,
        to: account.address,
        gas: 21_000n,
        maxPriorityFeePerGas: gwei(1),
        maxFeePerGas: gwei(100),
        maxFeePerBlobGas: gwei(1),
        blobs: [constantBlob(k)],
        kzg: constantBlobKzg,
        ...others,
      });
    },
    /** The same with a sidecar of the test's own; the nonce is the account's next unless `fields` say. */
    sendWrapped: async (
      account: PrivateKeyAccount,
      sidecar: BlobSidecar,
      fields: Partial<BlobFields> = {},
    ): Promise<Hash> => {
      const signed = await account.signTransaction({
        type: "eip4844",
        chainId: CHAIN_ID,
        nonce: await client.getTransactionCount({ address: account.address, blockTag: "pending" }),
        to: account.address,
        gas: 21_000n,
        maxPriorityFeePerGas: gwei(1),
        maxFeePerGas: gwei(100),
        maxFeePerBlobGas: gwei(1),
        blobVersionedHashes: [versionedHash(hexToBytes(sidecar.commitment))],
        ...fields,
        sidecars: false,
      });
      return wallet.sendRawTransaction({ serializedTransaction: withSidecar(signed, sidecar) });
    },
    receipt: (hash: Hash) => client.waitForTransactionReceipt({ hash, timeout: 30_000, retryCount: 0 }),
    isMined: async (hash: Hash) => ((await client.getTransaction({ hash })).blockNumber as bigint | null) !== null,
    /** How many transactions wait in the pools. */
    pending: async (): Promise<number> => {
      const status: unknown = await client.request({ method: "txpool_status" } as never);
      return Number((status as { pending: string }).pending);
    },
    /** Stops the chain and leaves its folder. */
    pause: () => chain.stop(),
    stop: async () => {
      await chain.stop();
      await removeFolder(dir);
    },
  };
}
export type TestChain = Awaited<ReturnType<typeof startTestChain>>;

interface PlainFields {
  nonce: number;
  gasPrice: bigint;
  to: `0x${string}`;
  data: `0x${string}`;
}
interface BlobFields {
  nonce: number;
  k: number;
  maxPriorityFeePerGas: bigint;
  maxFeePerGas: bigint;
  maxFeePerBlobGas: bigint;
}

/** Waits until something is so, at most two minutes: how fast this machine is says nothing. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 120_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("did not happen in two minutes");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const gwei = (amount: number): bigint => BigInt(amount) * 10n ** 9n;

const threeAccounts = (): [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount] => {
  const account = () => privateKeyToAccount(generatePrivateKey());
  return [account(), account(), account()];
};
