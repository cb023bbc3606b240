import fc from "fast-check";
import { expect, test } from "vitest";
import { atExpression, momentOf } from "../../../components/host/ssm/rest.js";

test("a schedule's moment is in UTC, to the second", () => {
  expect(atExpression(Date.UTC(2026, 10, 27, 13, 5, 9, 250))).toBe("at(2026-11-27T13:05:09)");
});

test("a moment is read as it was written", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_799 }), (seconds) => {
      expect(momentOf(atExpression(seconds * 1_000))).toBe(seconds * 1_000);
    }),
  );
});

test.each(["rate(5 minutes)", "cron(0 10 * * ? *)", "at()", ""])("%j is no moment", (expression) => {
  expect(momentOf(expression)).toBeUndefined();
});
