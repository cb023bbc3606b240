import type { DatabaseSync } from "node:sqlite";

/*
 * The journal's tables. Each entry brings the database one version further and only ever adds: a version that was rolled back must be able to read and write what
 * a newer one left. Ids are uint256 and stand as decimal text; block numbers are integers; money is decimal text.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL,
    submit_block INTEGER NOT NULL,
    ciphertext BLOB,
    chunks INTEGER NOT NULL DEFAULT 0,
    signature TEXT,
    versioned_hash TEXT,
    cause TEXT
  ) STRICT;
  CREATE INDEX jobs_by_state ON jobs (state);

  CREATE TABLE claims (request TEXT PRIMARY KEY, outcome TEXT NOT NULL) STRICT;

  CREATE TABLE transactions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    purpose TEXT NOT NULL,
    sender TEXT NOT NULL,
    nonce INTEGER NOT NULL,
    lane TEXT NOT NULL,
    raw BLOB NOT NULL,
    has_blob INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    mined_block INTEGER,
    fee TEXT
  ) STRICT;
  CREATE INDEX transactions_by_purpose ON transactions (purpose);
  CREATE INDEX transactions_by_outcome ON transactions (outcome);

  CREATE TABLE cursors (name TEXT PRIMARY KEY, block INTEGER NOT NULL) STRICT;
  `,
];

/** Brings a database to this version; leaves one that a newer version wrote as it is. */
export function migrate(database: DatabaseSync): void {
  const row = database.prepare("PRAGMA user_version").get();
  const version = Number(row?.["user_version"] ?? 0);
  for (const [at, migration] of migrations.entries()) {
    if (at < version) continue;
    database.exec(`BEGIN IMMEDIATE; ${migration} PRAGMA user_version = ${at + 1}; COMMIT;`);
  }
}
