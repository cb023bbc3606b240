import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import type { PurposeId, SentTx } from "../../lifecycle/types.js";
import { withoutSidecar } from "../../protocol/blob-transaction.js";
import { wei, type Address, type Hash, type Hex } from "../../schema/units.js";
import { JournalViolation } from "../journal.js";

/** A mined blob's bytes are kept this many blocks longer: a reorganisation may ask for them again. Two epochs. */
const keepBlobBlocks = 64n;

/** Reads and writes of the `transactions` table. Writes belong inside a transaction of the caller's. */
export function transactionRows(database: DatabaseSync) {
  const columns = "sequence, hash, purpose, sender, nonce, lane, raw, outcome, mined_block, fee";
  const reader = (where: string) => {
    const statement = database.prepare(`SELECT ${columns} FROM transactions ${where}`);
    statement.setReadBigInts(true);
    return (...values: string[]): SentTx[] => statement.all(...values).map(sentOf);
  };
  const all = reader("ORDER BY sequence");
  const open = reader("WHERE outcome = 'open' ORDER BY nonce, sequence");
  const forPurpose = reader("WHERE purpose = ? ORDER BY sequence");
  const byHash = reader("WHERE hash = ?");
  const insert = database.prepare(
    `INSERT INTO transactions (hash, purpose, sender, nonce, lane, raw, has_blob, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, 'open')
     ON CONFLICT (hash) DO UPDATE SET outcome = 'open', raw = excluded.raw, has_blob = excluded.has_blob, mined_block = NULL, fee = NULL`,
  );
  const update = database.prepare("UPDATE transactions SET outcome = ?, mined_block = ?, fee = ? WHERE hash = ?");
  const settledBlobs = database.prepare(
    "SELECT hash, raw FROM transactions WHERE has_blob = 1 AND (outcome = 'dead' OR (outcome <> 'open' AND mined_block <= ?))",
  );
  const replaceRaw = database.prepare("UPDATE transactions SET raw = ?, has_blob = 0 WHERE hash = ?");

  const dropBlobs = (upTo: bigint): void => {
    for (const row of settledBlobs.all(upTo))
      replaceRaw.run(bytesOf(withoutSidecar(hexOf(row["raw"] as Uint8Array))), row["hash"] as string);
  };

  return {
    all,
    open,
    forPurpose,
    record: (transaction: SentTx): void => {
      const { purpose, hash, nonce, from, lane, raw } = transaction;
      checkBytes(transaction, byHash(hash)[0], forPurpose(purpose));
      insert.run(hash, purpose, from, nonce, lane, bytesOf(raw), lane === "blob" ? 1 : 0);
    },
    settle: (hash: Hash, outcome: SentTx["outcome"], mined: SentTx["mined"]): void => {
      const block = mined?.block ?? null;
      if (Number(update.run(outcome, block, mined?.fee.toString() ?? null, hash).changes) === 0)
        throw new JournalViolation(`transaction ${hash} was never recorded`);
      if (outcome === "dead" || block !== null) dropBlobs((block ?? 0n) - keepBlobBlocks);
    },
  };
}

/**
 * The last guard before bytes exist: a purpose that was achieved gets no further bytes, and one that may still be achieved gets them only at the same nonce,
 * where at most one can be mined. @throws JournalViolation
 */
function checkBytes(next: SentTx, known: SentTx | undefined, earlier: readonly SentTx[]): void {
  if (next.outcome !== "open") throw new JournalViolation(`${next.purpose}: bytes are recorded before they are sent`);
  if (known !== undefined && (known.purpose !== next.purpose || known.outcome !== "dead"))
    throw new JournalViolation(`${next.purpose}: ${next.hash} is recorded already`);
  if (earlier.some((other) => other.outcome === "mined"))
    throw new JournalViolation(`${next.purpose}: it was achieved already`);
  if (earlier.some((other) => other.outcome === "open" && other.nonce !== next.nonce))
    throw new JournalViolation(`${next.purpose}: bytes at another nonce may still be mined`);
}

function sentOf(row: Record<string, SQLOutputValue>): SentTx {
  const block = row["mined_block"] as bigint | null;
  return {
    purpose: row["purpose"] as PurposeId,
    from: row["sender"] as Address,
    nonce: Number(row["nonce"]),
    hash: row["hash"] as Hash,
    raw: hexOf(row["raw"] as Uint8Array),
    lane: row["lane"] as SentTx["lane"],
    outcome: row["outcome"] as SentTx["outcome"],
    mined: block === null ? null : { block, fee: wei(BigInt((row["fee"] as string | null) ?? "0")) },
  };
}

/** A blob's bytes are many: Node's own conversion takes a fifth of the time of a portable one. */
const hexOf = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
const bytesOf = (hex: Hex): Uint8Array => Buffer.from(hex.slice(2), "hex");
