import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { historyRange, isAnswerInHistory, priorJobs, replay } from "../../protocol/history.js";
import { type JobId, jobId } from "../../schema/units.js";
import { utf8Of } from "./fixtures.js";

const ids = (...values: number[]): JobId[] => values.map((value) => jobId(BigInt(value)));

test.each([
  [120_000n, 70_000n],
  [50_001n, 1n],
  [50_000n, 0n],
  [1_200n, 0n],
])("the history of a job submitted in block %d begins at block %d", (submitBlock, fromBlock) => {
  expect(historyRange(submitBlock)).toEqual({ fromBlock, toBlock: submitBlock });
});

test("the earlier jobs are those with a lower id, oldest first", () => {
  expect(priorJobs(jobId(200n), ids(140, 201, 20, 200, 100, 20))).toEqual(ids(20, 100, 140));
});

test("no job is ever in its own history, whatever the logs say", () =>
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n }),
      fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n })),
      (job, logs) => {
        const before = priorJobs(jobId(job), logs.map(jobId));
        expect(before.every((id) => id < job)).toBe(true);
        expect(before).toEqual([...before].sort((a, b) => (a < b ? -1 : 1)));
        expect(new Set(before)).toEqual(new Set(logs.filter((id) => id < job)));
      },
    ),
  ));

describe("an earlier answer", () => {
  const answered = { promptBlobHash: "0x01", responseBlobHash: "0x02", completionBlockNumber: 600n } as const;
  test.each<[what: string, submitBlock: bigint, counts: boolean]>([
    ["mined before the job was submitted counts", 601n, true],
    ["mined in the very block counts", 600n, true],
    ["mined after it does not", 599n, false],
  ])("%s", (_, submitBlock, counts) => {
    expect(isAnswerInHistory(answered, submitBlock)).toBe(counts);
  });
  test("that does not exist does not count", () => {
    expect(isAnswerInHistory({ ...answered, responseBlobHash: null }, 700n)).toBe(false);
  });
  test("on a deployment that does not record its block counts", () => {
    expect(isAnswerInHistory({ ...answered, completionBlockNumber: null }, 1n)).toBe(true);
  });
});

describe("an earlier job is replayed", () => {
  const question = (content: string, images?: string[]) => ({ role: "user", content, ...(images && { images }) });
  const answer = (content: string) => ({ role: "assistant", content });
  const messages = (prompt: string | null, reply: string | null) =>
    replay(prompt === null ? null : utf8Of(prompt), reply === null ? null : utf8Of(reply));
  const nineImages = `{"v":1,"text":"x","images":[${Array(9).fill('"a"').join(",")}]}`;

  test.each<[how: string, prompt: string | null, reply: string | null, replayed: object[]]>([
    ["as question and answer", "2+2?", "4", [question("2+2?"), answer("4")]],
    ["as a question alone when it has no answer", "2+2?", null, [question("2+2?")]],
    ["as an answer alone when it has no question", null, "4", [answer("4")]],
    ["as nothing when it has neither", null, null, []],
    [
      "without its envelope",
      '{"v":1,"text":"cat?","images":["aW1n"]}',
      "yes",
      [question("cat?", ["aW1n"]), answer("yes")],
    ],
    [
      "without its search wrapper",
      '\0{"v":1,"prompt":"news?","search":true}',
      '{"v":2,"answer":"none"}',
      [question("news?"), answer("none")],
    ],
    ["not at all when it was self-contained", '{"v":3,"messages":[{"role":"user","content":"x"}]}', "4", []],
    ["as raw text when its wrapper is broken", "\0{", "4", [question("\0{"), answer("4")]],
    ["as raw text when its envelope is refused", nineImages, null, [question(nineImages)]],
    [
      "as raw text when it was a refused conversation",
      '{"v":3,"messages":[]}',
      null,
      [question('{"v":3,"messages":[]}')],
    ],
  ])("%s", (_, prompt, reply, replayed) => {
    expect(messages(prompt, reply)).toEqual(replayed);
  });
});
