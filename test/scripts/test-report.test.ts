import { expect, test } from "vitest";
import { addReport, nothingYet, summary } from "../../scripts/test-report.js";

const file = (status: string, ...tests: string[]): unknown => ({
  name: "a.test.ts",
  status,
  message: "",
  assertionResults: tests.map((result, index) => ({ fullName: `test ${index}`, status: result })),
});

test("tests of several reports are counted together", () => {
  const first = addReport(nothingYet, { testResults: [file("passed", "passed", "passed")] });
  const both = addReport(first, { testResults: [file("failed", "failed", "passed")] });
  expect(summary(both)).toBe("3 passed, 1 failed");
});

test("a file that could not be loaded is a failure", () => {
  expect(summary(addReport(nothingYet, { testResults: [file("failed")] }))).toBe("0 passed, 1 failed");
  expect(summary(addReport(nothingYet, { testResults: [file("failed", "passed")] }))).toBe("1 passed, 1 failed");
});

test("what did not run is named and not counted", () => {
  const tally = addReport(nothingYet, { testResults: [file("passed", "passed", "skipped", "pending", "todo")] });
  expect(summary(tally)).toBe("1 passed, 0 failed");
  expect(tally.skipped).toEqual(["test 1", "test 2", "test 3"]);
});
