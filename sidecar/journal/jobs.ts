import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import {
  jobId,
  modelId,
  sessionId,
  type Hash,
  type Hex,
  type JobId,
  type ModelId,
  type SessionId,
} from "../../schema/units.js";
import { jobStates, JournalViolation, type JobDetails, type JobRow, type JobState } from "../journal.js";

/** Ends of a job's way: nothing leads on from here. */
const ends: readonly JobState[] = ["released", "lost", "forfeited"];
/** From `answered` to `completing` a job acts on its one ciphertext, so it must be there. */
const actOnCiphertext: readonly JobState[] = ["answered", "signed", "publishing", "blobbing", "completing"];

/** Reads and writes of the `jobs` table. Writes belong inside a transaction of the caller's. */
export function jobRows(database: DatabaseSync) {
  const insert = database.prepare(
    "INSERT INTO jobs (id, session, model, state, submit_block) VALUES (?, ?, ?, 'seen', ?) ON CONFLICT (id) DO NOTHING",
  );
  const columns = "id, session, model, state, submit_block, ciphertext, chunks, signature, versioned_hash, cause";
  const select = database.prepare(`SELECT ${columns} FROM jobs WHERE id = ?`);
  const selectOpen = database.prepare(
    `SELECT ${columns} FROM jobs WHERE state NOT IN ('released', 'lost', 'forfeited') ORDER BY length(id), id`,
  );
  for (const statement of [select, selectOpen]) statement.setReadBigInts(true);
  const update = database.prepare(
    "UPDATE jobs SET state = ?, ciphertext = ?, chunks = ?, signature = ?, versioned_hash = ?, cause = ? WHERE id = ?",
  );

  const one = (id: JobId): JobRow | undefined => {
    const row = select.get(id.toString());
    return row === undefined ? undefined : jobOf(row);
  };
  return {
    one,
    open: (): JobRow[] => selectOpen.all().map(jobOf),
    see: (job: { id: JobId; session: SessionId; model: ModelId; submitBlock: bigint }): boolean =>
      Number(insert.run(job.id.toString(), job.session.toString(), job.model, job.submitBlock).changes) > 0,
    advance: (id: JobId, to: JobState, details: JobDetails): void => {
      const row = one(id);
      if (row === undefined) throw new JournalViolation(`job ${id.toString()} was never seen`);
      const next = advanced(row, to, details);
      update.run(
        next.state,
        next.ciphertext,
        next.chunks,
        next.signature,
        next.versionedHash,
        next.cause,
        id.toString(),
      );
    },
  };
}

/** The row after a step. @throws JournalViolation when the step leads backwards, out of an end, or to a second answer */
export function advanced(row: JobRow, to: JobState, details: JobDetails): JobRow {
  const refuse = (why: string): never => {
    throw new JournalViolation(`job ${row.id.toString()}, ${row.state} to ${to}: ${why}`);
  };
  const again = row.state === to;
  if (ends.includes(row.state) && !again) refuse("it is at its end");
  if (jobStates.indexOf(to) < jobStates.indexOf(row.state)) refuse("a job only moves forward");

  const { ciphertext, signature, versionedHash } = details;
  if (ciphertext !== undefined && row.ciphertext !== null && !Buffer.from(ciphertext).equals(row.ciphertext))
    refuse("it has another ciphertext already");
  if (signature !== undefined && row.signature !== null && signature !== row.signature)
    refuse("it has another signature already");
  if (versionedHash !== undefined && row.versionedHash !== null && versionedHash !== row.versionedHash)
    refuse("it has another blob already");

  const next: JobRow = {
    ...row,
    state: to,
    ciphertext: row.ciphertext ?? ciphertext ?? null,
    signature: row.signature ?? signature ?? null,
    versionedHash: row.versionedHash ?? versionedHash ?? null,
    chunks: details.chunks ?? row.chunks,
    cause: details.cause ?? row.cause,
  };
  if (actOnCiphertext.includes(to) && next.ciphertext === null) refuse("it has no ciphertext");
  return next;
}

function jobOf(row: Record<string, SQLOutputValue>): JobRow {
  return {
    id: jobId(BigInt(row["id"] as string)),
    session: sessionId(BigInt(row["session"] as string)),
    model: modelId(row["model"] as string),
    state: row["state"] as JobState,
    submitBlock: row["submit_block"] as bigint,
    ciphertext: row["ciphertext"] as Uint8Array | null,
    chunks: Number(row["chunks"]),
    signature: row["signature"] as Hex | null,
    versionedHash: row["versioned_hash"] as Hash | null,
    cause: row["cause"] as string | null,
  };
}
