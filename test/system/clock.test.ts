import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "../../system/clock.js";

afterEach(() => vi.useRealTimers());

test.each([
  ["forward", 86_400_000],
  ["back", -86_400_000],
])("a date that is set %s by a day does not move what waits and deadlines are measured by", (_, off) => {
  const before = systemClock.now();
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + off });
  expect(Math.abs(systemClock.now() - before)).toBeLessThan(60_000);
});
