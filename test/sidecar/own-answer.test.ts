import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { blockTime, jobId, type Hash } from "../../schema/units.js";
import { ownAnswerOf, type PublishedAnswer, type UnansweredJob } from "../../sidecar/jobs/own-answer.js";

const job = (id: number, at: number): UnansweredJob => ({
  id: jobId(BigInt(id)),
  acknowledgedAt: blockTime(BigInt(at)),
});
const answer = (name: number, at: number): PublishedAnswer => ({
  hash: `0x01${name.toString(16).padStart(62, "0")}` as Hash,
  time: blockTime(BigInt(at)),
  ciphertext: Uint8Array.of(name),
});

describe("which of our published answers is a job's", () => {
  test.each<[situation: string, others: UnansweredJob[], answers: PublishedAnswer[], then: object]>([
    ["the only one since its acknowledgement", [], [answer(1, 12)], { kind: "found", answer: answer(1, 12) }],
    ["none, when none was published", [], [], { kind: "none" }],
    ["none, when the only one is older than its acknowledgement", [], [answer(1, 9)], { kind: "none" }],
    ["not told, when two were published", [], [answer(1, 12), answer(2, 13)], { kind: "ambiguous" }],
    ["not told, when another job may have brought it", [job(8, 11)], [answer(1, 12)], { kind: "ambiguous" }],
    [
      "the only one before the other job was acknowledged",
      [job(8, 13)],
      [answer(1, 12)],
      { kind: "found", answer: answer(1, 12) },
    ],
    [
      "not told, when the other was acknowledged in the very block",
      [job(8, 12)],
      [answer(1, 12)],
      { kind: "ambiguous" },
    ],
    ["itself is no other", [job(7, 10)], [answer(1, 12)], { kind: "found", answer: answer(1, 12) }],
  ])("%s", (_, others, answers, then) => expect(ownAnswerOf(job(7, 10), others, answers)).toEqual(then));

  test("is never another job's, however jobs and answers follow on each other", () => {
    const moment = fc.integer({ min: 0, max: 12 });
    // Each job is acknowledged, and some of them publish an answer later, which names it here and nowhere else.
    const life = fc.tuple(moment, fc.option(moment, { nil: null }));
    fc.assert(
      fc.property(fc.array(life, { minLength: 1, maxLength: 5 }), (lives) => {
        const jobs = lives.map(([at], id) => job(id, at));
        const answers = lives.flatMap(([at, later], id) => (later === null ? [] : [answer(id, at + 1 + later)]));
        for (const [id, one] of jobs.entries()) {
          const found = ownAnswerOf(one, jobs, answers);
          if (found.kind === "found") expect(found.answer.ciphertext).toEqual(Uint8Array.of(id));
        }
      }),
    );
  });
});
