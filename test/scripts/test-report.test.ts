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

test("what failed is told again in a few lines, by file and name", () => {
  const failed = {
    ...(file("failed") as object),
    assertionResults: [
      { fullName: "a test", status: "failed", failureMessages: [`Error: why\n\n${"    at a line\n".repeat(50)}`] },
      { fullName: "another", status: "passed", failureMessages: [] },
    ],
  };
  const unloaded = { name: "b.test.ts", status: "failed", message: "x".repeat(5000), assertionResults: [] };
  const [first, second, ...rest] = addReport(nothingYet, { testResults: [failed, unloaded] }).failures;
  expect(first).toMatch(/^a\.test\.ts: a test\n {2}Error: why\n {6}at a line\n/);
  expect(first?.split("\n").length).toBeLessThan(20);
  expect(second).toBe(`b.test.ts\n  ${"x".repeat(400)}\n`);
  expect(rest).toEqual([]);
});
