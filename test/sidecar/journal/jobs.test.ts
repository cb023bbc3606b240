import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { jobId, modelId, sessionId } from "../../../schema/units.js";
import { jobStates, JournalViolation, type Journal, type JobState } from "../../../sidecar/journal.js";
import { openJournal } from "../../../sidecar/journal/sqlite-journal.js";
import { identity } from "./fixtures.js";

const id = jobId(2n ** 200n);
const model = modelId(`0x${"11".repeat(32)}`);
const ciphertext = Uint8Array.of(1, 2, 3);
const see = (journal: Journal, job = id): boolean =>
  journal.see({ id: job, session: sessionId(42n), model, submitBlock: 5n });

let journal: Journal;
beforeEach(() => {
  journal = openJournal(":memory:", identity);
});

test("a job is seen once", () => {
  expect(see(journal)).toBe(true);
  expect(see(journal)).toBe(false);
  expect(journal.job(id)).toEqual({
    id,
    session: 42n,
    model,
    state: "seen",
    submitBlock: 5n,
    ciphertext: null,
    chunks: 0,
    signature: null,
    versionedHash: null,
    cause: null,
  });
});

test("open jobs come in the order of their numbers, however long these are, and without those at their end", () => {
  const ids = [10n, 9n, 2n ** 255n, 100n, 3n].map(jobId);
  for (const one of ids) see(journal, one);
  journal.advance(jobId(100n), "lost", { cause: "claimed by another" });
  expect(journal.openJobs().map((job) => job.id)).toEqual([3n, 9n, 10n, 2n ** 255n]);
});

test.each<[what: string, from: JobState, to: JobState]>([
  ["back from acked to acking", "acked", "acking"],
  ["back from completed to blobbing", "completed", "blobbing"],
  ["out of released", "released", "forfeited"],
  ["out of lost", "lost", "released"],
  ["out of forfeited", "forfeited", "completing"],
])("a job never goes %s", (_, from, to) => {
  see(journal);
  if (jobStates.indexOf(from) > jobStates.indexOf("answered")) journal.advance(id, "answered", { ciphertext });
  journal.advance(id, from);
  expect(() => journal.advance(id, to)).toThrow(JournalViolation);
  expect(journal.job(id)?.state).toBe(from);
});

test("a job has one ciphertext, one signature and one blob for ever", () => {
  see(journal);
  journal.advance(id, "answered", { ciphertext });
  journal.advance(id, "answered", { ciphertext: Uint8Array.from(ciphertext) });
  expect(() => journal.advance(id, "signed", { ciphertext: Uint8Array.of(9) })).toThrow("another ciphertext");
  journal.advance(id, "signed", { signature: "0xaa" });
  expect(() => journal.advance(id, "publishing", { signature: "0xbb" })).toThrow("another signature");
  journal.advance(id, "blobbing", { versionedHash: "0x01" });
  expect(() => journal.advance(id, "completing", { versionedHash: "0x02" })).toThrow("another blob");
  expect(journal.job(id)).toMatchObject({ state: "blobbing", ciphertext, signature: "0xaa", versionedHash: "0x01" });
});

test("nothing that needs the answer begins without one", () => {
  see(journal);
  for (const state of ["answered", "signed", "publishing", "blobbing", "completing"] as const)
    expect(() => journal.advance(id, state)).toThrow("no ciphertext");
});

test("a job that was never seen is not moved", () => expect(() => journal.advance(id, "acked")).toThrow("never seen"));

test("whatever is asked of it, a job never goes back and never changes its answer", () => {
  const step = fc.record({
    to: fc.constantFrom(...jobStates),
    ciphertext: fc.option(fc.uint8Array({ minLength: 1, maxLength: 2, max: 2 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const journal = openJournal(":memory:", identity);
      see(journal);
      for (const { to, ciphertext } of steps) {
        const before = journal.job(id)!;
        try {
          journal.advance(id, to, ciphertext === undefined ? {} : { ciphertext });
        } catch (error) {
          expect(error).toBeInstanceOf(JournalViolation);
          expect(journal.job(id)).toEqual(before);
        }
        const after = journal.job(id)!;
        expect(jobStates.indexOf(after.state)).toBeGreaterThanOrEqual(jobStates.indexOf(before.state));
        if (before.ciphertext !== null) expect(after.ciphertext).toEqual(before.ciphertext);
        if (["released", "lost", "forfeited"].includes(before.state)) expect(after.state).toBe(before.state);
      }
      journal.close();
    }),
    { numRuns: 100 },
  );
});
