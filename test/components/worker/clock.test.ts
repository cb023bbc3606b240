import { expect, test } from "vitest";
import { clockWarning } from "../../../components/worker/checks/clock.js";

const now = 1_800_000_000;
const minute = 60;
const day = 86_400;

test.each<[string, ahead: number, says: RegExp | undefined]>([
  ["the same", 0, undefined],
  ["a slow block", 2 * minute, undefined],
  [
    "5 minutes ahead",
    5 * minute,
    /^LF1555: This machine's clock is 5 minutes ahead .* or the chain makes no blocks\. Next: date -u/,
  ],
  ["5 minutes behind", -5 * minute, /^LF1555: This machine's clock is 5 minutes behind/],
  ["a day ahead", day, /24 hours ahead/],
  ["a day behind", -day, /24 hours behind/],
  ["a week behind", -7 * day, /7 days behind/],
])("of a clock and a chain that are %s apart", (_, ahead, says) => {
  const warning = clockWarning((now + ahead) * 1_000, BigInt(now));
  if (says === undefined) expect(warning).toBeUndefined();
  else expect(warning).toMatch(says);
});
