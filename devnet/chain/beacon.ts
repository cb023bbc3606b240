import { Hono, type Context } from "hono";
import { versionedHash } from "../../protocol/blob.js";
import type { Hex } from "../../schema/units.js";
import { concerns, faultMiddleware, type Faults } from "../faults.js";
import type { Fork } from "./genesis.js";
import { SLOTS_WITH_BLOBS, type Sidecar, type Slot, type SlotStore } from "./slots.js";

/** What the beacon node says about its chain. */
export interface BeaconFacts {
  readonly chainId: number;
  /** Unix seconds of the first execution block. */
  readonly genesisTime: number;
  /** Shortest time between blocks, in whole seconds: slots are counted block by block and do not follow the clock. */
  readonly secondsPerSlot: number;
}

/** The consensus layer's names for the forks. */
const names: Record<Fork, string> = { prague: "electra", osaka: "fulu" };
const SLOTS_PER_EPOCH = 32;
const NO_SIGNATURE: Hex = `0x${"00".repeat(96)}`;
const ZERO_ROOT: Hex = `0x${"00".repeat(32)}`;

/**
 * The routes of the beacon node API (ethereum/beacon-APIs) by which blobs are found: sidecar reference §4.2, consumer reference §4. Roots are real
 * hash tree roots of the headers served; signatures and inclusion proofs are zeros. A slot without a block is a 404.
 *
 * Each fork has one route for blobs, so that whoever reads them has to know both: before Fulu `blob_sidecars`, as nodes have it that are older than the
 * other; from Fulu on `blobs`, and `blob_sidecars` is refused in the way of a node that keeps data columns only (Lodestar: 400).
 * @param finalized the number of the last block that can't be undone
 */
export function beaconApp(facts: BeaconFacts, slots: SlotStore, faults: Faults, finalized: () => number): Hono {
  const app = new Hono();
  app.use(faultMiddleware(faults, "beacon"));

  const find = (id: string): Slot | undefined => {
    if (id === "head") return slots.latest();
    if (id === "genesis") return slots.byBlockNumber(0);
    if (id === "finalized" || id === "justified") return slots.byBlockNumber(finalized());
    if (/^0x[0-9a-fA-F]{64}$/.test(id)) return slots.byRoot(id);
    return /^\d{1,15}$/.test(id) ? slots.bySlot(Number(id)) : undefined;
  };
  const described = (slot: Slot) => ({
    root: slot.root,
    canonical: slot.canonical,
    header: signedHeader(slot),
  });
  const flags = (slot: Slot | undefined) => ({
    execution_optimistic: false,
    finalized: slot !== undefined && slot.block.number <= finalized(),
  });

  app.get("/eth/v1/beacon/headers", (context) => {
    const { parent_root: parentRoot, slot } = context.req.query();
    const found = parentRoot === undefined ? [find(slot ?? "head")] : slots.childrenOf(parentRoot);
    const matching = found.filter(
      (one) => one !== undefined && (slot === undefined || one.header.slot === Number(slot)),
    );
    return context.json({ ...flags(matching[0]), data: matching.map((one) => one && described(one)) });
  });
  app.get("/eth/v1/beacon/headers/:id", (context) => {
    const slot = find(context.req.param("id"));
    return slot ? context.json({ ...flags(slot), data: described(slot) }) : notFound(context, "Block");
  });
  /** The slot's blobs, unless they are withheld. */
  const blobsOf = (slot: Slot, { req: { method, path } }: Context): readonly Sidecar[] => {
    const request = { method, path };
    const withheld = faults.strike("beacon", (fault) => fault.kind === "withhold" && concerns(fault, request));
    return withheld ? [] : slots.sidecars(slot.header.slot);
  };
  app.get("/eth/v1/beacon/blob_sidecars/:id", (context) => {
    const slot = find(context.req.param("id"));
    if (!slot) return notFound(context, "Block");
    const version = names[slot.fork];
    if (slot.fork === "osaka")
      return context.json({ code: 400, message: `Use getBlobs to retrieve blobs for post-fulu fork=${version}` }, 400);
    const wanted = listed(context, "indices")?.map(Number);
    return context.json({
      version,
      ...flags(slot),
      data: blobsOf(slot, context)
        .filter(({ index }) => wanted === undefined || wanted.includes(index))
        .map(({ index, blob, commitment, proof }) => ({
          index: String(index),
          blob,
          kzg_commitment: commitment,
          kzg_proof: proof,
          signed_block_header: signedHeader(slot),
          kzg_commitment_inclusion_proof: Array.from({ length: 17 }, () => ZERO_ROOT),
        })),
    });
  });
  app.get("/eth/v1/beacon/blobs/:id", (context) => {
    const slot = find(context.req.param("id"));
    if (!slot) return notFound(context, "Block");
    if (slot.fork === "prague") return context.notFound();
    const wanted = listed(context, "versioned_hashes")?.map((hash) => hash.toLowerCase());
    const named = blobsOf(slot, context).filter(({ commitment }) => {
      const hash = versionedHash(Buffer.from(commitment.slice(2), "hex"));
      return wanted?.includes(hash) ?? true;
    });
    return context.json({ ...flags(slot), data: named.map(({ blob }) => blob) });
  });
  app.get("/eth/v1/beacon/genesis", (context) =>
    context.json({
      data: {
        genesis_time: String(facts.genesisTime),
        genesis_validators_root: ZERO_ROOT,
        genesis_fork_version: "0x00000000",
      },
    }),
  );
  app.get("/eth/v1/config/spec", (context) =>
    context.json({
      data: {
        CONFIG_NAME: "lightchain-devnet",
        SECONDS_PER_SLOT: String(facts.secondsPerSlot),
        SLOTS_PER_EPOCH: String(SLOTS_PER_EPOCH),
        MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS: String(SLOTS_WITH_BLOBS / SLOTS_PER_EPOCH),
        MAX_BLOBS_PER_BLOCK: "9",
        DEPOSIT_CHAIN_ID: String(facts.chainId),
        DEPOSIT_NETWORK_ID: String(facts.chainId),
      },
    }),
  );
  app.get("/eth/v1/node/version", (context) => context.json({ data: { version: "lightchain-fleet/devnet" } }));
  app.notFound((context) => context.json({ code: 404, message: "Not found" }, 404));
  return app;
}

/** A query parameter that is a list: repeated, or with commas. */
const listed = (context: Context, name: string): string[] | undefined =>
  context.req.queries(name)?.flatMap((list) => list.split(","));

const notFound = (context: Context, what: string) => context.json({ code: 404, message: `${what} not found` }, 404);

const signedHeader = ({ header }: Slot) => ({
  message: {
    slot: String(header.slot),
    proposer_index: String(header.proposerIndex),
    parent_root: header.parentRoot,
    state_root: header.stateRoot,
    body_root: header.bodyRoot,
  },
  signature: NO_SIGNATURE,
});
