import { z } from "zod";
import type { Hash } from "../../schema/units.js";
import { BeaconUnavailable } from "../failures.js";

/** How many slots in a row may be without a block (sidecar reference §4.2). */
const missedSlots = 32;

/** A blob as a beacon node gives it. */
export interface BlobSidecar {
  readonly blob: Uint8Array;
  readonly commitment: Uint8Array;
}

/** The beacon node's part in finding a blob. */
export interface Beacon {
  /** The slot of the beacon block that follows the one with this root; `null` when none is known. */
  slotAfter(parentRoot: Hash, signal?: AbortSignal): Promise<number | null>;
  /** Blobs of a slot; none for a slot that was missed or pruned. */
  blobsAt(slot: number, signal?: AbortSignal): Promise<readonly BlobSidecar[]>;
}

const headerSchema = z.object({ header: z.object({ message: z.object({ slot: z.coerce.number().int() }) }) });
const oneHeaderSchema = z.object({ data: headerSchema });
const headersSchema = z.object({ data: z.array(headerSchema) });
const sidecarsSchema = z.object({ data: z.array(z.object({ blob: z.string(), kzg_commitment: z.string() })) });

/** A beacon node's standard API. Every method throws BeaconUnavailable (LF1408) when it cannot be asked. */
export function openBeacon(url: string, timeoutMs: number): Beacon {
  const get = async <T>(path: string, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T | null> => {
    try {
      const limits = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
      const response = await fetch(`${url}${path}`, { signal: AbortSignal.any(limits) });
      if (response.status === 404) return null;
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return schema.parse(await response.json());
    } catch (error) {
      signal?.throwIfAborted();
      throw new BeaconUnavailable(path.split("?")[0] ?? path, error);
    }
  };
  return {
    slotAfter: async (parentRoot, signal) => {
      const children = await get(`/eth/v1/beacon/headers?parent_root=${parentRoot}`, headersSchema, signal).catch(
        () => null, // an older node: walk instead
      );
      const child = children?.data[0];
      if (child) return child.header.message.slot;
      const parent = await get(`/eth/v1/beacon/headers/${parentRoot}`, oneHeaderSchema, signal);
      if (parent === null) return null;
      const first = parent.data.header.message.slot + 1;
      for (let slot = first; slot < first + missedSlots; slot++)
        if ((await get(`/eth/v1/beacon/headers/${slot}`, oneHeaderSchema, signal)) !== null) return slot;
      return null;
    },
    blobsAt: async (slot, signal) => {
      const sidecars = await get(`/eth/v1/beacon/blob_sidecars/${slot}`, sidecarsSchema, signal);
      return (sidecars?.data ?? []).map((one) => ({ blob: bytes(one.blob), commitment: bytes(one.kzg_commitment) }));
    },
  };
}

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.slice(2), "hex"));
