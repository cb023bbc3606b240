import { DatabaseSync } from "node:sqlite";
import type { Address } from "../../schema/units.js";
import type { Journal } from "../journal.js";
import { claimRows } from "./claims.js";
import { factRows, type Facts } from "./facts.js";
import { guarded, JournalOfAnother, JournalUnwritable } from "./failures.js";
import { jobRows } from "./jobs.js";
import { migrate } from "./schema.js";
import { transactionRows } from "./transactions.js";

/** Whose memory a journal is. A file written under another identity is refused. */
export interface JournalIdentity {
  readonly chainId: number;
  readonly jobRegistry: Address;
  readonly worker: Address;
}

/**
 * Opens the durable journal at `path`, or makes one. Every write is in the write-ahead log and synced before it returns, and the file belongs to this process
 * alone until {@link Journal.close} or its end: the kernel drops the lock, so none is ever stale.
 *
 * `":memory:"` is a journal that lives as long as the process, for tests.
 *
 * @throws JournalInUse LF1401 · JournalOfAnother LF1402 · JournalDamaged LF1403 · JournalUnwritable LF1404, the last also from every writing method
 */
export function openJournal(path: string, identity: JournalIdentity): Journal {
  return guarded(path, () => {
    const database = new DatabaseSync(path);
    try {
      prepare(database);
      return journalOver(database, path, identity);
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function prepare(database: DatabaseSync): void {
  // In this order: a write-ahead log opened under exclusive locking needs no shared memory, and keeps its lock between transactions.
  database.exec("PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE;");
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  database.exec("BEGIN EXCLUSIVE; COMMIT;");
  const check = database.prepare("PRAGMA quick_check(1)").get();
  if (check?.["quick_check"] !== "ok") throw Object.assign(new Error(String(check?.["quick_check"])), { errcode: 11 });
  migrate(database);
}

function journalOver(database: DatabaseSync, path: string, identity: JournalIdentity): Journal {
  let trouble: JournalUnwritable | null = null;
  /** One write: all of it or nothing, on disk when it returns. */
  const atomically = <T>(work: () => T): T => {
    try {
      return guarded(path, () => {
        database.exec("BEGIN IMMEDIATE");
        try {
          const result = work();
          database.exec("COMMIT");
          return result;
        } catch (error) {
          if (database.isTransaction) database.exec("ROLLBACK");
          throw error;
        }
      });
    } catch (error) {
      if (error instanceof JournalUnwritable) trouble = error;
      throw error;
    }
  };
  const reading = <T>(work: () => T): T => guarded(path, work);

  const facts = factRows(database);
  const jobs = jobRows(database);
  const claims = claimRows(database);
  const transactions = transactionRows(database);
  atomically(() => checkIdentity(facts, path, identity));

  return {
    see: (job) => atomically(() => jobs.see(job)),
    job: (id) => reading(() => jobs.one(id)),
    openJobs: () => reading(() => jobs.open()),
    advance: (id, to, details) => atomically(() => jobs.advance(id, to, details ?? {})),

    claim: (request, outcome) => atomically(() => claims.set(request, outcome)),
    claims: (outcome) => reading(() => claims.with(outcome)),

    recordSent: (transaction) => atomically(() => transactions.record(transaction)),
    settle: (hash, outcome, mined) => atomically(() => transactions.settle(hash, outcome, mined)),
    sentFor: (purpose) => reading(() => transactions.forPurpose(purpose)),
    openTransactions: () => reading(() => transactions.open()),
    allTransactions: () => reading(() => transactions.all()),

    cursor: (name) => reading(() => facts.cursor(name)),
    moveCursor: (name, block) => atomically(() => facts.moveCursor(name, block)),
    serving: () => reading(() => facts.serving()),
    setServing: (serving) => atomically(() => facts.setServing(serving)),
    epoch: () => reading(() => facts.epoch()),
    setEpoch: (epoch, nonce, since) => atomically(() => facts.setEpoch(epoch, nonce, since)),
    leavingGeneration: () => reading(() => facts.count("leaving")),
    setLeaving: (generation) => atomically(() => facts.set("leaving", String(generation))),
    leftGeneration: () => reading(() => facts.count("left")),
    setLeft: (generation) => atomically(() => facts.raise("left", generation)),
    rehearsal: () => reading(() => facts.get("rehearsal")),
    setRehearsal: (fingerprint) => atomically(() => facts.set("rehearsal", fingerprint)),
    registeredAt: () => reading(() => facts.registeredAt()),
    setRegisteredAt: (block) => atomically(() => facts.setRegisteredAt(block)),
    acknowledgedOffences: () => reading(() => BigInt(facts.get("acknowledgedOffences") ?? "0")),
    setAcknowledgedOffences: (count) => atomically(() => facts.set("acknowledgedOffences", count.toString())),

    get trouble() {
      return trouble;
    },
    probe: () => {
      if (trouble === null) return;
      try {
        atomically(() => facts.set("probe", largestWrite));
        atomically(() => facts.remove("probe"));
        trouble = null;
      } catch (error) {
        if (!(error instanceof JournalUnwritable)) trouble = new JournalUnwritable(path, error);
      }
    },

    close: () => {
      if (database.isOpen) database.close();
    },
  };
}

/** As large as a blob transaction is, with room to spare. A short write may find a place in the log that is there already, and prove nothing. */
const largestWrite = "0".repeat(512 * 1024);

function checkIdentity(facts: Facts, path: string, identity: JournalIdentity): void {
  const fields = {
    network: String(identity.chainId),
    "JobRegistry contract": identity.jobRegistry.toLowerCase(),
    worker: identity.worker.toLowerCase(),
  };
  for (const [field, expected] of Object.entries(fields)) {
    const found = facts.get(`identity: ${field}`);
    if (found === undefined) facts.set(`identity: ${field}`, expected);
    else if (found !== expected) throw new JournalOfAnother(path, field, expected, found);
  }
}
