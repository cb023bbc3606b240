import type { PublicClient } from "viem";
import { z } from "zod";
import { unpackBlob, versionedHash } from "../../protocol/blob.js";
import type { Hash } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";
import type { Kzg } from "../../system/kzg.js";
import { retry } from "../../system/retry.js";

/** How many blocks back a blob may have been mined before the transaction that names it (sidecar reference §4.2). */
const BLOCKS_BACK = 100;
/** How many slots in a row may be without a block. */
const MISSED_SLOTS = 32;

/** Where blobs are looked for. */
export interface BlobPlace {
  readonly client: PublicClient;
  readonly beaconUrl: string;
  readonly kzg: Pick<Kzg, "commitment">;
  readonly clock: Clock;
}

/**
 * Finds a blob by its versioned hash and unpacks it, searching backwards from the block that names it; tries four times.
 * @returns `undefined` when it is nowhere
 * @throws Error when node or beacon node cannot be asked; BlobError when the blob is not packed as ours are
 */
export function readBlob(place: BlobPlace, hash: Hash, fromBlock: bigint): Promise<Uint8Array | undefined> {
  return retry(() => search(place, hash, fromBlock), {
    policy: { attempts: 4, pauseMs: 100 },
    clock: place.clock,
  });
}

async function search(place: BlobPlace, hash: Hash, fromBlock: bigint): Promise<Uint8Array | undefined> {
  const last = fromBlock > BigInt(BLOCKS_BACK) ? fromBlock - BigInt(BLOCKS_BACK) : 0n;
  for (let number = fromBlock; number >= last; number--) {
    const { parentBeaconBlockRoot } = await place.client.getBlock({ blockNumber: number });
    if (parentBeaconBlockRoot === undefined) throw new Error(`block ${number} names no beacon block`);
    const slot = await slotAfter(place.beaconUrl, parentBeaconBlockRoot);
    const blobs = slot === undefined ? [] : await blobsAt(place.beaconUrl, slot, hash);
    const found = blobs.find((blob) => versionedHash(place.kzg.commitment(blob)) === hash);
    if (found) return unpackBlob(found);
  }
  return undefined;
}

const header = z.object({
  canonical: z.boolean().optional(),
  header: z.object({ message: z.object({ slot: z.coerce.number().int() }) }),
});
const oneHeader = z.object({ data: header });
const headers = z.object({ data: z.array(header) });
const sidecars = z.object({ data: z.array(z.object({ blob: z.string() })) });
const blobs = z.object({ data: z.array(z.string()) });

/** The slot of the beacon block that follows the one with this root: asked for directly, else by walking over missed slots. */
async function slotAfter(beaconUrl: string, parentRoot: Hash): Promise<number | undefined> {
  const children = await get(`${beaconUrl}/eth/v1/beacon/headers?parent_root=${parentRoot}`, headers).catch(
    () => undefined,
  );
  // One that lost against its sibling is listed too.
  const child = children?.data.find(({ canonical }) => canonical !== false);
  if (child) return child.header.message.slot;
  const parent = await get(`${beaconUrl}/eth/v1/beacon/headers/${parentRoot}`, oneHeader);
  if (!parent) return undefined;
  const first = parent.data.header.message.slot + 1;
  for (let slot = first; slot < first + MISSED_SLOTS; slot++)
    if (await get(`${beaconUrl}/eth/v1/beacon/headers/${slot}`, oneHeader)) return slot;
  return undefined;
}

/** A slot's blobs: by the route that the protocol names, or, where the node does not serve that (any more), by the one that came with Fulu. */
async function blobsAt(beaconUrl: string, slot: number, hash: Hash): Promise<Uint8Array[]> {
  const base = `${beaconUrl}/eth/v1/beacon`;
  const known = await get(`${base}/blob_sidecars/${slot}`, sidecars, [400, 404, 405, 410]);
  if (known) return known.data.map(({ blob }) => bytes(blob));
  return ((await get(`${base}/blobs/${slot}?versioned_hashes=${hash}`, blobs))?.data ?? []).map(bytes);
}

/** `undefined` when the node has no such thing, or (`refusals`) does not do it. */
async function get<T>(url: string, schema: z.ZodType<T>, refusals: readonly number[] = [404]): Promise<T | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (refusals.includes(response.status)) return undefined;
  if (!response.ok) throw new Error(`the beacon node answered ${response.status} to ${new URL(url).pathname}`);
  return schema.parse(await response.json());
}

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.slice(2), "hex"));
