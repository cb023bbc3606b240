import { z } from "zod";
import type { Hash } from "../../schema/units.js";
import { BeaconUnavailable } from "../failures.js";
import { wordsOf } from "./asking.js";

/** How many slots in a row may be without a block (sidecar reference §4.2). */
const missedSlots = 32;

/** A blob as a beacon node gives it. */
export interface FoundBlob {
  /** `null` where the node gives none. */
  readonly commitment: Uint8Array | null;
  /** Takes the 131,072 bytes out of their text, once it is known that they are wanted. */
  blob(): Uint8Array;
}

/** The beacon node's part in finding a blob. Every method throws BeaconUnavailable (LF1408) when it cannot be asked, and the signal's reason. */
export interface Beacon {
  /** The slot of the beacon block that follows the one with this root; `null` when none is known. */
  slotAfter(parentRoot: Hash, signal?: AbortSignal): Promise<number | null>;
  /** Blobs of a slot, or of these the one that is wanted; none for a slot that was missed or pruned. */
  blobsAt(slot: number, wanted: Hash, signal?: AbortSignal): Promise<readonly FoundBlob[]>;
  /** What was looked for was not found: next time the other route for blobs goes first. Some nodes answer with an empty list where they do not serve a route. */
  turnRoutes(): void;
}

const headerSchema = z.object({
  canonical: z.boolean().optional(),
  header: z.object({ message: z.object({ slot: z.coerce.number().int().nonnegative() }) }),
});
const oneHeaderSchema = z.object({ data: headerSchema });
const headersSchema = z.object({ data: z.array(headerSchema) });
const sidecarsSchema = z
  .object({ data: z.array(z.object({ blob: z.string(), kzg_commitment: z.string() })) })
  .transform(({ data }) =>
    data.map((one): FoundBlob => ({ commitment: bytes(one.kzg_commitment), blob: () => bytes(one.blob) })),
  );
const blobsSchema = z
  .object({ data: z.array(z.string()) })
  .transform(({ data }) => data.map((one): FoundBlob => ({ commitment: null, blob: () => bytes(one) })));

/**
 * The two routes for a slot's blobs. `blob_sidecars` is the older one (sidecar reference §4.2): after Fulu nodes need not serve it any more, and some
 * refuse to. Older nodes do not have `blobs` (beacon-APIs, getBlobs), which filters and gives no commitments.
 */
const blobRoutes = [
  { path: (slot: number) => `/eth/v1/beacon/blob_sidecars/${slot}`, schema: sidecarsSchema },
  { path: (slot: number, hash: Hash) => `/eth/v1/beacon/blobs/${slot}?versioned_hashes=${hash}`, schema: blobsSchema },
] as const;

/**
 * A beacon node's standard API.
 * @param timeoutMs per request
 */
export function openBeacon(endpoint: string, timeoutMs: number): Beacon {
  const url = endpoint.replace(/\/+$/, "");

  /** `null`: the node has no such thing, or (`refusals`) does not do it. */
  const get = async <T>(
    path: string,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
    refusals: readonly number[] = [404],
  ): Promise<T | null> => {
    try {
      const limits = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
      const response = await fetch(`${url}${path}`, { signal: AbortSignal.any(limits) });
      if (refusals.includes(response.status)) return null;
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return schema.parse(await response.json());
    } catch (error) {
      signal?.throwIfAborted();
      throw new BeaconUnavailable(path.split("?")[0] ?? path, new Error(wordsOf(error)));
    }
  };
  /** The route that last worked goes first. */
  let routes: readonly (typeof blobRoutes)[number][] = blobRoutes;
  const header = (id: string | number, signal?: AbortSignal) =>
    get(`/eth/v1/beacon/headers/${id}`, oneHeaderSchema, signal);

  const childSlot = async (parentRoot: Hash, signal?: AbortSignal): Promise<number | undefined> => {
    try {
      const children =
        (await get(`/eth/v1/beacon/headers?parent_root=${parentRoot}`, headersSchema, signal))?.data ?? [];
      // A block that lost against its sibling is listed too.
      return (children.find(({ canonical }) => canonical !== false) ?? children[0])?.header.message.slot;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof BeaconUnavailable) return undefined; // not every node can be asked so: walk instead
      throw error;
    }
  };
  return {
    slotAfter: async (parentRoot, signal) => {
      const known = await childSlot(parentRoot, signal);
      if (known !== undefined) return known;
      const parent = await header(parentRoot, signal);
      if (parent === null) return null;
      const first = parent.data.header.message.slot + 1;
      for (let slot = first; slot < first + missedSlots; slot++) if ((await header(slot, signal)) !== null) return slot;
      return null;
    },
    blobsAt: async (slot, wanted, signal) => {
      for (const route of [...routes]) {
        const found = await get(route.path(slot, wanted), route.schema, signal, routeRefusals);
        if (found === null) continue;
        routes = [route, ...routes.filter((other) => other !== route)];
        return found;
      }
      return [];
    },
    turnRoutes: () => void (routes = [...routes].reverse()),
  };
}

/** Nodes say in these ways that they do not serve a route, or hold too few of a block's columns to do so. */
const routeRefusals = [400, 404, 405, 410, 501];

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.slice(2), "hex"));
