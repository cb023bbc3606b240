import { expect, test } from "vitest";
import { waitFor } from "../../../devnet/consumer/wait.js";
import { steppedClock } from "./parts.js";

test("waiting asks until there is an answer", async () => {
  let asked = 0;
  const clock = steppedClock();
  expect(await waitFor(async () => (++asked === 3 ? "yes" : undefined), { clock, timeoutMs: 1000, everyMs: 100 })).toBe(
    "yes",
  );
  expect([asked, clock.now()]).toEqual([3, 200]);
});

test("waiting ends with its time, after a last look", async () => {
  let asked = 0;
  const clock = steppedClock();
  const nothing = async () => {
    asked += 1;
    return undefined;
  };
  expect(await waitFor(nothing, { clock, timeoutMs: 1000, everyMs: 300 })).toBeUndefined();
  expect([asked, clock.now()]).toEqual([5, 1200]);
});
