import { createPublicClient, http, type PublicClient } from "viem";
import { resolveContracts, type Contracts } from "../abi/bootstrap.js";
import { openStore } from "../keystore/open-store.js";
import { passphraseFrom } from "../keystore/passphrase.js";
import type { RecordRef, SecretStore } from "../keystore/store.js";
import type { Network } from "../schema/network.js";
import { systemClock } from "../system/clock.js";

/** How long one create waits for another process that works on the same worker. */
const lockWaitMs = 120_000;

/** Opens a store with the passphrase of this process's environment. */
export const openStoreHere = (url: string): SecretStore =>
  openStore(url, { passphrase: passphraseFrom(process.env), clock: systemClock });

/** Runs `work` while no other process, of this checkout or another, works on the same record. */
export async function withRecordLock<T>(store: SecretStore, ref: RecordRef, work: () => Promise<T>): Promise<T> {
  const held = await store.lock(ref, lockWaitMs);
  try {
    return await work();
  } finally {
    held.release();
  }
}

/** A network as this process talks to it. */
export interface ChainContext {
  readonly client: PublicClient;
  readonly contracts: Contracts;
}

/** Longest wait for one answer of a node (ms). With one more try, nobody waits longer than twice that for a node that says nothing. */
const answerMs = 10_000;

/** One client and one look at the contracts for each node and run: every resource of a stack shares them. */
const contexts = new Map<string, Promise<ChainContext>>();

/** @throws WrongChain LF1211, NodeUnreachable LF1212, ContractMismatch LF1210 */
export function chainOf(network: Network): Promise<ChainContext> {
  const key = `${network.chainId} ${network.endpoints.rpc}`;
  const known = contexts.get(key);
  if (known) return known;
  const fresh = open(network);
  contexts.set(key, fresh);
  fresh.catch(() => contexts.delete(key)); // a node that was down is asked again
  return fresh;
}

async function open(network: Network): Promise<ChainContext> {
  const client = createPublicClient({
    transport: http(network.endpoints.rpc, { batch: true, retryCount: 1, retryDelay: 500, timeout: answerMs }),
    pollingInterval: 250,
    cacheTime: 0,
  });
  return { client, contracts: await resolveContracts(client, network) };
}
