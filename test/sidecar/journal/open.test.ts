import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { blockTime, jobId, modelId, requestId, sessionId, wei } from "../../../schema/units.js";
import { guarded } from "../../../sidecar/journal/failures.js";
import { openJournal } from "../../../sidecar/journal/sqlite-journal.js";
import { identity, sentTx } from "./fixtures.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lightchain-journal-"));
  path = join(folder, "journal.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a journal that is opened again", () => {
  test("remembers everything it was told", () => {
    const first = openJournal(path, identity);
    first.see({ id: jobId(7n), session: sessionId(3n), model: modelId(`0x${"ab".repeat(32)}`), submitBlock: 12n });
    first.advance(jobId(7n), "acked");
    first.advance(jobId(7n), "answered", { ciphertext: Uint8Array.of(1, 2, 3), chunks: 4 });
    first.claim(requestId(9n), "claiming");
    first.recordSent(sentTx({ nonce: 5 }));
    first.moveCursor("jobs", 2n ** 40n);
    first.setServing({
      generation: 2,
      models: [modelId(`0x${"cd".repeat(32)}`)],
      stake: { kind: "minimum", max: wei(5n) },
      gasReserve: wei(10n ** 20n),
    });
    first.setLeaving(2);
    first.setLeft(1);
    first.setRehearsal("llama3-8b on home");
    first.setRegisteredAt({ number: 77n, hash: `0x${"77".repeat(32)}` });
    first.setAcknowledgedOffences(2n);
    first.setEpoch(3, 41, blockTime(7n));
    first.close();

    const again = openJournal(path, identity);
    expect(again.job(jobId(7n))).toMatchObject({
      state: "answered",
      submitBlock: 12n,
      ciphertext: Uint8Array.of(1, 2, 3),
      chunks: 4,
    });
    expect(again.claims("claiming")).toEqual([9n]);
    expect(again.openTransactions()).toEqual([sentTx({ nonce: 5 })]);
    expect(again.cursor("jobs")).toBe(2n ** 40n);
    expect(again.cursor("requests")).toBeUndefined();
    expect(again.serving()).toEqual({
      generation: 2,
      models: [`0x${"cd".repeat(32)}`],
      stake: { kind: "minimum", max: 5n },
      gasReserve: 10n ** 20n,
    });
    expect([again.leavingGeneration(), again.leftGeneration(), again.rehearsal()]).toEqual([2, 1, "llama3-8b on home"]);
    expect(again.registeredAt()).toEqual({ number: 77n, hash: `0x${"77".repeat(32)}` });
    expect(again.acknowledgedOffences()).toBe(2n);
    expect(again.epoch()).toEqual({ epoch: 3, nonce: 41, since: 7n });
    again.close();
  });

  test("is refused under another worker, network or deployment (LF1402)", () => {
    openJournal(path, identity).close();
    for (const other of [
      { ...identity, chainId: 9200 },
      { ...identity, worker: identity.jobRegistry },
      { ...identity, jobRegistry: identity.worker },
    ])
      expect(() => openJournal(path, other)).toThrow("LF1402");
    openJournal(path, { ...identity, worker: identity.worker.toLowerCase() as typeof identity.worker }).close();
  });

  test("is refused while it is open elsewhere (LF1401), and free when it is closed", () => {
    const first = openJournal(path, identity);
    expect(() => openJournal(path, identity)).toThrow("LF1401");
    first.close();
    openJournal(path, identity).close();
  });

  test("is refused when its file is no database, or a damaged one (LF1403)", () => {
    writeFileSync(path, "not a database, but as long as one".repeat(200));
    expect(() => openJournal(path, identity)).toThrow("LF1403");

    rmSync(path);
    const journal = openJournal(path, identity);
    for (let id = 1n; id < 20n; id++)
      journal.see({ id: jobId(id), session: sessionId(1n), model: modelId(`0x${"00".repeat(32)}`), submitBlock: 1n });
    journal.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 4096, 4096 * 3);
    writeFileSync(path, bytes);
    expect(() => openJournal(path, identity)).toThrow("LF1403");
  });

  test("is read and written by an older version after a newer one added to it", () => {
    openJournal(path, identity).close();
    const newer = new DatabaseSync(path);
    newer.exec("ALTER TABLE jobs ADD COLUMN region TEXT; CREATE TABLE regions (name TEXT); PRAGMA user_version = 99;");
    newer.close();
    const older = openJournal(path, identity);
    older.see({ id: jobId(1n), session: sessionId(1n), model: modelId(`0x${"00".repeat(32)}`), submitBlock: 1n });
    expect(older.job(jobId(1n))?.state).toBe("seen");
    older.close();
  });
});

test("a journal that cannot be written says so (LF1404)", () => {
  expect(() => openJournal(join(folder, "missing", "journal.sqlite"), identity)).toThrow("LF1404");
  const small = new DatabaseSync(path);
  small.exec("CREATE TABLE filler (bytes BLOB); PRAGMA max_page_count = 2;");
  expect(() => guarded(path, () => small.prepare("INSERT INTO filler VALUES (zeroblob(100000))").run())).toThrow(
    "LF1404",
  );
  small.close();
});
