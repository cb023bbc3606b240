import { expect, test } from "vitest";
import { ExitTakesLonger, listed } from "../../../components/chain/leave.js";
import { blockTime } from "../../../schema/units.js";

const what = {
  jobs: [{ id: 7n }],
  sessions: [
    { id: 8n, standing: "open" },
    { id: 9n, standing: "dead" },
  ],
  nextAt: blockTime(1_750_000_000n),
};

test("a worker that takes longer to leave says what keeps it, until when, and whether it leaves by itself", () => {
  const byItself = new ExitTakesLonger("home", what, true).message;
  expect(byItself).toContain(
    "LF1510: Worker home is leaving: job 7 and open session 8 keep it until 2025-06-15T15:06:40",
  );
  expect(byItself).toContain(
    "leave it running: it exits by itself. Then, from 2025-06-15T15:06:40.000Z: pulumi destroy",
  );
  expect(new ExitTakesLonger("home", what, false).message).toContain(
    "nothing serves it any more, so it does not leave by itself. From 2025-06-15T15:06:40.000Z: pulumi destroy",
  );
});

test.each([
  [0, "no jobs"],
  [1, "job 1"],
  [2, "jobs 1, 2"],
  [44, "jobs 1, 2, 3, 4 … 44 (44 in all)"],
])("%i jobs are told as: %s", (count, words) => {
  const ids = Array.from({ length: count }, (_, at) => String(at + 1));
  expect(listed("job", ids)).toBe(words);
});
