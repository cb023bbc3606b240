import {
  bytesToHex,
  createWalletClient,
  defineChain,
  http,
  parseGwei,
  type LocalAccount,
  type PublicClient,
  type TransactionReceipt,
} from "viem";
import { revertOf, type Revert } from "../../abi/revert.js";
import { packBlob, versionedHash } from "../../protocol/blob.js";
import { proofsAskedFor, withSidecar, type BlobSidecar, type ProofKind } from "../../protocol/blob-transaction.js";
import type { Network } from "../../schema/network.js";
import { wei, type Address, type Hash, type Hex, type Wei } from "../../schema/units.js";
import { TransactionFailed } from "./errors.js";
import type { Kzg } from "../../system/kzg.js";

/** Sends a consumer's transactions one after another: an account can't have a blob and a plain one pending at once (geth's pools). */
export interface ConsumerSender {
  /** Calls a contract and waits until that is mined. @throws TransactionFailed (LF1034) */
  call(what: string, to: Address, data: Hex, value?: Wei): Promise<TransactionReceipt>;
  /** Puts bytes into a blob and waits until that is mined. @throws TransactionFailed (LF1034), BlobError when they don't fit */
  blob(what: string, payload: Uint8Array): Promise<{ receipt: TransactionReceipt; versionedHash: Hash }>;
}

/** How long a transaction may take to be mined, in ms. */
const MINING_MS = 120_000;

/** Makes the one sender of an account; a second one for the same account would get in its way. */
export function createSender(network: Network, client: PublicClient, account: LocalAccount, kzg: Kzg): ConsumerSender {
  const wallet = createWalletClient({ account, transport: http(network.endpoints.rpc), chain: chainOf(network) });
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(send: () => Promise<T>): Promise<T> => {
    const sent = last.then(send, send);
    last = sent.catch(() => undefined);
    return sent;
  };
  const mined = async (what: string, send: () => Promise<Hash>): Promise<TransactionReceipt> => {
    let hash: Hash | null = null;
    let receipt: TransactionReceipt;
    try {
      hash = await send();
      receipt = await client.waitForTransactionReceipt({ hash, timeout: MINING_MS });
    } catch (error) {
      throw new TransactionFailed(what, reasonOf(error), hash, error);
    }
    if (receipt.status !== "success") throw new TransactionFailed(what, "it was reverted", hash);
    return receipt;
  };
  /** viem would put version-0 sidecars beside a blob and nothing else, so these are put there by hand. */
  const signedBlob = async (hash: Hash): Promise<Hex> => {
    const [nonce, { maxFeePerGas, maxPriorityFeePerGas }, maxFeePerBlobGas] = await Promise.all([
      client.getTransactionCount({ address: account.address, blockTag: "pending" }),
      client.estimateFeesPerGas(),
      blobFee(client),
    ]);
    return account.signTransaction({
      type: "eip4844",
      chainId: network.chainId,
      nonce,
      to: account.address,
      gas: 21_000n,
      maxFeePerGas,
      maxPriorityFeePerGas,
      maxFeePerBlobGas,
      blobVersionedHashes: [hash],
      sidecars: false,
    });
  };
  const sidecarFor = async (blob: Uint8Array, commitment: Uint8Array): Promise<BlobSidecar> => {
    const kind = await proofsNow(client);
    const proofs = kind === "cells" ? kzg.cellProofs(blob) : [kzg.proof(blob, commitment)];
    return {
      blob: bytesToHex(blob),
      commitment: bytesToHex(commitment),
      kind,
      proofs: proofs.map((proof) => bytesToHex(proof)),
    };
  };
  return {
    call: (what, to, data, value = wei(0n)) =>
      inTurn(() =>
        mined(what, async () => {
          const estimated = await client.estimateGas({ account: account.address, to, data, value });
          // a re-entrancy guard's refund makes nodes estimate too little (consumer reference §6, step 8)
          return wallet.sendTransaction({ to, data, value, gas: (estimated * 12n) / 10n });
        }),
      ),
    blob: (what, payload) =>
      inTurn(async () => {
        const blob = packBlob(payload);
        const commitment = kzg.commitment(blob);
        const hash = versionedHash(commitment);
        const receipt = await mined(what, async () =>
          client.sendRawTransaction({
            serializedTransaction: withSidecar(await signedBlob(hash), await sidecarFor(blob, commitment)),
          }),
        );
        return { receipt, versionedHash: hash };
      }),
  };
}

/** Which proofs this chain's rules ask for now; of a node that does not say, those from before Osaka. */
async function proofsNow(client: PublicClient): Promise<ProofKind> {
  const config: unknown = await client.request({ method: "eth_config" } as never).catch(() => undefined);
  return proofsAskedFor(config) ?? "blob";
}

/** Twice what a blob costs now, and at least 1 gwei. */
async function blobFee(client: PublicClient): Promise<bigint> {
  const [fee, least] = [2n * (await client.getBlobBaseFee()), parseGwei("1")];
  return fee > least ? fee : least;
}

const chainOf = (network: Network) =>
  defineChain({
    id: network.chainId,
    name: network.name,
    nativeCurrency: { name: "LCAI", symbol: "LCAI", decimals: 18 },
    rpcUrls: { default: { http: [network.endpoints.rpc] } },
  });

function reasonOf(error: unknown): string {
  const revert: Revert | undefined = revertOf(error);
  if (revert === undefined) return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  if (revert.name === "Unknown") return `it would revert with ${revert.selector}`;
  return `it would revert with ${revert.name}(${revert.args.map(String).join(", ")})`;
}
