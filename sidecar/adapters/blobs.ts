import { createPublicClient, http, type Hex } from "viem";
import { blobCapacityBytes, packBlob, unpackBlob, versionedHash } from "../../protocol/blob.js";
import type { Network } from "../../schema/network.js";
import type { Settings } from "../../schema/settings.js";
import type { Hash } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import { retry } from "../../system/retry.js";
import { BlobNotFound, KzgUnavailable, PayloadTooLarge } from "../failures.js";
import { kzgInPlace, startKzgThread } from "../kzg/thread.js";
import type { Blobs } from "../ports.js";
import { asking, unavailable } from "./asking.js";
import { openBeacon } from "./beacon.js";

/** How many blocks before the one that names it a blob may have been mined (sidecar reference §4.2). */
const blocksBack = 100n;
/** Pause after the first failed search, ms; doubles (sidecar reference §4.2). */
const firstPauseMs = 100;

/** What blobs are built, sent and fetched with. */
export interface BlobsOptions {
  readonly network: Network;
  readonly settings: Settings["jobs"];
  /** Compiled KZG worker: `dist/sidecar/kzg/worker.js`, or `kzg-worker.js` beside the bundle. `null` computes on this thread (tests). */
  readonly kzgWorker: string | null;
  /** `kzg.node` beside the bundle. Default: the c-kzg package, if it is built. */
  readonly nativeKzg?: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Blobs of the live network: found through execution and beacon node, built by KZG in its own thread. */
export function createBlobs(options: BlobsOptions): Blobs & { close(): Promise<void> } {
  const { network, settings, clock, log } = options;
  const { rpc, beacon: beaconUrl } = network.endpoints;
  const timeout = settings.blobFetchTimeoutMs;
  const kzg =
    options.kzgWorker === null ? kzgInPlace(options.nativeKzg) : startKzgThread(options.kzgWorker, options.nativeKzg);
  const client = createPublicClient({ transport: http(rpc, { retryCount: 0, timeout }) });
  const beacon = openBeacon(beaconUrl, timeout);

  /** The root by which the beacon chain knows what came before a block. */
  const parentRootOf = async (block: bigint): Promise<Hash> => {
    const { parentBeaconBlockRoot } = await asking(`block ${block}`, client.getBlock({ blockNumber: block }));
    if (parentBeaconBlockRoot === undefined) throw unavailable(`block ${block}`, new Error("it names no beacon block"));
    return parentBeaconBlockRoot;
  };
  /** A node that gives no commitments might have ignored which blob was asked for. */
  const commitmentTo = (blob: Uint8Array): Promise<Uint8Array> => kzg.commit(blob).catch(unusable);
  const search = async (hash: Hash, from: bigint, signal?: AbortSignal): Promise<Uint8Array> => {
    const last = from > blocksBack ? from - blocksBack : 0n;
    for (let block = from; block >= last; block--) {
      signal?.throwIfAborted();
      const slot = await beacon.slotAfter(await parentRootOf(block), signal);
      if (slot === null) continue;
      for (const found of await beacon.blobsAt(slot, hash, signal)) {
        const commitment = found.commitment ?? (await commitmentTo(found.blob()));
        if (versionedHash(commitment) === hash) return unpackBlob(found.blob());
      }
    }
    beacon.turnRoutes();
    throw new BlobNotFound(hash, from, last);
  };

  return {
    warmUp: async () => {
      const begun = clock.now();
      const kind = await kzg.ready().catch(unusable);
      log.info({ event: "kzg.ready", kzg: kind, ms: clock.now() - begun }, "KZG setup loaded");
      if (kind === "wasm") log.warn({ event: "kzg.slow" }, "KZG runs in WebAssembly, about eight times slower");
    },
    fetch: (hash, block, signal) =>
      retry(() => search(hash, block, signal), {
        policy: { attempts: settings.blobFetchRetries + 1, pauseMs: firstPauseMs },
        clock,
        worthRetrying: () => signal?.aborted !== true,
        ...(signal ? { signal } : {}),
      }),
    build: async (payload) => {
      if (payload.length > blobCapacityBytes) throw new PayloadTooLarge(payload.length, blobCapacityBytes);
      const blob = packBlob(payload);
      const commitment = await kzg.commit(blob).catch(unusable);
      return { blob: hex(blob), commitment: hex(commitment), versionedHash: versionedHash(commitment) };
    },
    prove: async ({ blob, commitment }, kind) =>
      (await kzg.prove(bytes(blob), bytes(commitment), kind).catch(unusable)).map(hex),
    close: () => kzg.close(),
  };
}

const unusable = (error: unknown): never => {
  throw new KzgUnavailable(error);
};
const bytes = (text: Hex): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), "hex"));
const hex = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
