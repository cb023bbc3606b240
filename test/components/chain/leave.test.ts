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
    "nothing serves it any more, so it does not leave by itself. Then, from 2025-06-15T15:06:40.000Z: pulumi destroy",
  );
});

test("one that nothing keeps any more says what it has still to do", () => {
  const { message } = new ExitTakesLonger(
    "home",
    { jobs: [], sessions: [], nextAt: null, next: "send the rest" },
    true,
  );
  expect(message).toContain("LF1510: Worker home is leaving, and is not gone yet (send the rest).");
  expect(message).toContain("it exits by itself. Then, a while later: pulumi destroy");
});

test.each([
  [0, []],
  [1, ["job 1"]],
  [2, ["jobs 1, 2"]],
  [44, ["jobs 1, 2, 3, 4 … 44 (44 in all)"]],
])("%i jobs are told as: %j", (count, words) => {
  expect(
    listed(
      "job",
      Array.from({ length: count }, (_, at) => ({ id: BigInt(at + 1) })),
    ),
  ).toEqual(words);
});
