import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { Hex } from "../../schema/units.js";
import { headerRoot, type BeaconHeader } from "./beacon-header.js";
import type { BlobsBundle } from "./engine.js";
import type { Fork } from "./genesis.js";

/** A slot that has a beacon block, and the execution block that this one carries. */
export interface Slot {
  readonly root: Hex;
  readonly header: BeaconHeader;
  readonly block: { readonly number: number; readonly hash: Hex };
  /** Whether it is part of the chosen chain; a block that a reorganisation undid is not. */
  readonly canonical: boolean;
  /** The rules its block was made by. */
  readonly fork: Fork;
}

/** One blob of a slot, with the proof that belongs to it (before Osaka: the blob proof; then the first cell's). */
export interface Sidecar {
  readonly index: number;
  readonly blob: Hex;
  readonly commitment: Hex;
  readonly proof: Hex;
}

/** How many slots back blobs are kept: at one blob a slot, about 670 MB. */
export const SLOTS_WITH_BLOBS = 5120;

/**
 * The beacon chain's memory: slots, roots and blobs, in a file that survives a restart (geth itself forgets blobs once they are in a
 * block). A slot without an entry was missed.
 */
export class SlotStore {
  readonly #database: DatabaseSync;

  /** @param path file, or `:memory:` */
  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = OFF;
      CREATE TABLE IF NOT EXISTS slots (
        slot INTEGER PRIMARY KEY, root TEXT NOT NULL UNIQUE, parent_root TEXT NOT NULL, state_root TEXT NOT NULL,
        body_root TEXT NOT NULL, block_number INTEGER NOT NULL, block_hash TEXT NOT NULL, canonical INTEGER NOT NULL,
        fork TEXT NOT NULL);
      CREATE INDEX IF NOT EXISTS slots_by_parent ON slots (parent_root);
      CREATE INDEX IF NOT EXISTS slots_by_block ON slots (block_hash);
      CREATE INDEX IF NOT EXISTS slots_by_number ON slots (block_number);
      CREATE TABLE IF NOT EXISTS sidecars (
        slot INTEGER NOT NULL, position INTEGER NOT NULL, blob BLOB NOT NULL, commitment TEXT NOT NULL, proof TEXT NOT NULL,
        PRIMARY KEY (slot, position)) WITHOUT ROWID;
    `);
    // A folder from before there were forks.
    const columns = this.#database.prepare("PRAGMA table_info(slots)").all();
    if (!columns.some(({ name }) => name === "fork"))
      this.#database.exec("ALTER TABLE slots ADD COLUMN fork TEXT NOT NULL DEFAULT 'prague'");
  }

  /** Gives an execution block its beacon block in a slot, and takes others of its height off the chosen chain. @returns the new slot's record */
  add(entry: {
    slot: number;
    parentRoot: Hex;
    block: { number: number; hash: Hex; stateRoot: Hex };
    fork: Fork;
    blobs?: BlobsBundle;
  }): Slot {
    const bodyRoot: Hex = `0x${createHash("sha256").update(entry.block.hash).digest("hex")}`;
    const stateRoot = entry.block.stateRoot;
    const header = { slot: entry.slot, proposerIndex: 0, parentRoot: entry.parentRoot, stateRoot, bodyRoot };
    const root = headerRoot(header);
    this.undoAbove(entry.block.number - 1);
    this.#database
      .prepare("INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)")
      .run(entry.slot, root, entry.parentRoot, stateRoot, bodyRoot, entry.block.number, entry.block.hash, entry.fork);
    const insert = this.#database.prepare("INSERT INTO sidecars VALUES (?, ?, ?, ?, ?)");
    const { blobs = [], commitments = [], proofs = [] } = entry.blobs ?? {};
    const proofsEach = blobs.length === 0 ? 1 : proofs.length / blobs.length;
    blobs.forEach((blob, position) =>
      insert.run(
        entry.slot,
        position,
        Buffer.from(blob.slice(2), "hex"),
        commitments[position] ?? "0x",
        proofs[position * proofsEach] ?? "0x",
      ),
    );
    this.#database.prepare("DELETE FROM sidecars WHERE slot < ?").run(entry.slot - SLOTS_WITH_BLOBS);
    const block = { number: entry.block.number, hash: entry.block.hash };
    return { root, header, block, canonical: true, fork: entry.fork };
  }

  /** The slot of a beacon block root, canonical or not. */
  byRoot(root: string): Slot | undefined {
    return this.#one("root = ?", root.toLowerCase());
  }

  /** The canonical slot of this number; `undefined` when it was missed or undone. */
  bySlot(slot: number): Slot | undefined {
    return this.#one("slot = ? AND canonical", slot);
  }

  /** The slots built on this beacon block root, oldest first: none at the head, several where a reorganisation undid one. */
  childrenOf(parentRoot: string): Slot[] {
    return this.#many("parent_root = ? ORDER BY slot", parentRoot.toLowerCase());
  }

  /** The slot that carries an execution block. */
  byBlock(hash: Hex): Slot | undefined {
    return this.#one("block_hash = ?", hash);
  }

  /** The canonical slot of the highest block. */
  latest(): Slot | undefined {
    return this.#one("canonical ORDER BY slot DESC LIMIT 1");
  }

  /** The canonical slot that carries the execution block of this number. */
  byBlockNumber(number: number): Slot | undefined {
    return this.#one("block_number = ? AND canonical", number);
  }

  /** The highest slot number ever used, on the chosen chain or off it; -1 when there is none. */
  highest(): number {
    const row = this.#database.prepare("SELECT max(slot) AS slot FROM slots").get();
    return typeof row?.["slot"] === "number" ? row["slot"] : -1;
  }

  /** Takes the blocks above this number off the chosen chain. */
  undoAbove(blockNumber: number): void {
    this.#database.prepare("UPDATE slots SET canonical = 0 WHERE block_number > ?").run(blockNumber);
  }

  /** The blobs of a slot, in order. */
  sidecars(slot: number): Sidecar[] {
    return this.#database
      .prepare("SELECT * FROM sidecars WHERE slot = ? ORDER BY position")
      .all(slot)
      .map((row) => ({
        index: row["position"] as number,
        blob: `0x${Buffer.from(row["blob"] as Uint8Array).toString("hex")}`,
        commitment: row["commitment"] as Hex,
        proof: row["proof"] as Hex,
      }));
  }

  close(): void {
    this.#database.close();
  }

  #one(where: string, ...values: (string | number)[]): Slot | undefined {
    return this.#many(where, ...values)[0];
  }

  #many(where: string, ...values: (string | number)[]): Slot[] {
    return this.#database
      .prepare(`SELECT * FROM slots WHERE ${where}`)
      .all(...values)
      .map((row) => ({
        root: row["root"] as Hex,
        header: {
          slot: row["slot"] as number,
          proposerIndex: 0,
          parentRoot: row["parent_root"] as Hex,
          stateRoot: row["state_root"] as Hex,
          bodyRoot: row["body_root"] as Hex,
        },
        block: { number: row["block_number"] as number, hash: row["block_hash"] as Hex },
        canonical: row["canonical"] === 1,
        fork: row["fork"] as Fork,
      }));
  }
}
