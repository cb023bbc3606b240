import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { hexToBytes, keccak256, parseEther, toHex, type PublicClient } from "viem";
import { generatePrivateKey } from "viem/accounts";
import { createLocalSigner } from "../../../../keystore/local-signer.js";
import type { Signer } from "../../../../keystore/store.js";
import type { Call, PurposeId } from "../../../../lifecycle/types.js";
import { versionedHash } from "../../../../protocol/blob.js";
import type { Settings } from "../../../../schema/settings.js";
import { wei, type Address } from "../../../../schema/units.js";
import { systemClock } from "../../../../system/clock.js";
import { nodeFor } from "../../../../sidecar/adapters/node.js";
import type { Journal } from "../../../../sidecar/journal.js";
import { openJournal } from "../../../../sidecar/journal/sqlite-journal.js";
import type { Blobs, Node, Transactions } from "../../../../sidecar/ports.js";
import { createTransactions } from "../../../../sidecar/transactions/manager.js";
import { chainSettings } from "../../../sidecar/transactions/settings.js";
import { constantBlob, constantBlobKzg, constantProofs } from "../../devnet/chain/constant-blobs.js";
import { startTestChain, type TestChain } from "../../devnet/chain/harness.js";

/** A contract that answers every call with `EnforcedPause()`. */
export const pausedContract: Address = "0x00000000000000000000000000000000DeaDBeef";
const pausedCode = "0x63d93c066560e01b60005260046000fd";

/** Seconds on the chain's clock until it asks for cell proofs. */
export const untilOsaka = 86_400;
/** From this nonce on geth takes blobs above a gap, for a while. */
export const veteranNonce = 9;

/** A chain, as many funded keys as a file has tests, and one that has sent something before. */
export async function chainWithKeys(count: number): Promise<{ chain: TestChain; signers: Signer[]; veteran: Signer }> {
  const signers = Array.from({ length: count }, () => createLocalSigner(hexToBytes(generatePrivateKey())));
  const veteran = createLocalSigner(hexToBytes(generatePrivateKey()));
  const balance = toHex(parseEther("10"));
  const funded = [
    ...signers.map(({ address }) => [address, { balance }] as const),
    [veteran.address, { balance, nonce: toHex(veteranNonce) }] as const,
  ];
  const chain = await startTestChain({
    blockIntervalMs: 500,
    osakaAfter: untilOsaka,
    finalityDepth: 16,
    alloc: async () => ({ ...Object.fromEntries(funded), [pausedContract]: { balance: "0x0", code: pausedCode } }),
  });
  return { chain, signers, veteran };
}

/** Payloads of one byte, 1 to 8, become blobs that need no KZG library. */
export const constantBlobs: Pick<Blobs, "build" | "prove"> = {
  build: async (payload) => {
    const blob = constantBlob(Math.max(payload[0] ?? 1, 1));
    const commitment = constantBlobKzg.blobToKzgCommitment(hexToBytes(blob));
    return { blob, commitment: toHex(commitment), versionedHash: versionedHash(commitment) };
  },
  prove: async (_, kind) => constantProofs(kind),
};

/** One key's manager on a real node, with a journal in a file that outlives it. */
export interface Account {
  readonly address: Address;
  readonly node: Node;
  readonly transactions: Transactions;
  readonly journal: Journal;
  /** Forgets the manager as a crash does, opens the journal again and starts over. */
  restart(wrap?: (node: Node) => Node): Promise<Transactions>;
  stop(): Promise<void>;
}

export async function openAccount(
  chain: TestChain,
  signer: Signer,
  options: { wrap?: (node: Node) => Node; settings?: Partial<Settings["chain"]> } = {},
): Promise<Account> {
  const folder = await mkdtemp(join(tmpdir(), "lightchain-account-"));
  const path = join(folder, "journal.sqlite");
  const identity = { chainId: 48221, jobRegistry: pausedContract, worker: signer.address };
  const client = chain.client as unknown as PublicClient;
  const node = nodeFor(client, client, 48221, signer.address);
  const start = (journal: Journal, wrap: (node: Node) => Node): Transactions =>
    createTransactions({
      node: wrap(node),
      signer,
      journal,
      blobs: constantBlobs,
      clock: systemClock,
      settings: chainSettings({ pollMs: 50, replaceAfterMs: 1_500, ...options.settings }),
      log: pino({ level: process.env["TRACE"] === undefined ? "silent" : "debug" }, pino.destination(2)),
    });
  const wrap = options.wrap ?? ((same: Node) => same);
  let journal = openJournal(path, identity);
  let transactions = start(journal, wrap);
  return {
    address: signer.address,
    node,
    get transactions() {
      return transactions;
    },
    get journal() {
      return journal;
    },
    restart: async (again = (same) => same) => {
      await transactions.close();
      journal.close();
      journal = openJournal(path, identity);
      transactions = start(journal, again);
      await transactions.recover();
      return transactions;
    },
    stop: async () => {
      await transactions.close();
      journal.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A call that does nothing but carry its name. */
export const callFor = (account: Pick<Account, "address">, name: string, fields: Partial<Call> = {}): Call => ({
  purpose: `48221/${account.address}/${name}/g1` as PurposeId,
  to: account.address,
  data: keccak256(toHex(name)),
  value: wei(0n),
  ...fields,
});
export const blobFor = (account: Pick<Account, "address">, k: number) => ({
  purpose: `48221/${account.address}/blob/g1/${k}` as PurposeId,
  payload: Uint8Array.of(k),
});
