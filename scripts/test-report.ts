import { z } from "zod";

/** The part of vitest's JSON report that is counted. */
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

/** What came of one or several vitest runs. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Each failure in a few lines: the file and the test, then how its error begins. */
  readonly failures: readonly string[];
  /** Tests that did not run, by name: what this machine could not do. */
  readonly skipped: readonly string[];
}

/** The tally before anything ran. */
export const nothingYet: Tally = { passed: 0, failed: 0, failures: [], skipped: [] };

/** Counts a report and adds it to what was counted before. A file that could not be loaded counts as one failure. */
export function addReport(tally: Tally, report: unknown): Tally {
  const files = reportSchema.parse(report).testResults;
  const tests = files.flatMap((file) => file.assertionResults);
  const unloaded = files.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const failures = [
    ...files.flatMap((file) =>
      file.assertionResults
        .filter((test) => test.status === "failed")
        .map((test) => failure(`${file.name}: ${test.fullName}`, test.failureMessages?.join("\n"))),
    ),
    ...unloaded.map((file) => failure(file.name, file.message)),
  ];
  return {
    passed: tally.passed + tests.filter((test) => test.status === "passed").length,
    failed: tally.failed + failures.length,
    failures: [...tally.failures, ...failures],
    skipped: [
      ...tally.skipped,
      ...tests.filter((test) => !["passed", "failed"].includes(test.status)).map((test) => test.fullName),
    ],
  };
}

/** So much of an error's text, in lines of at most so many characters, says what happened; its stack and its difference are in the run's own output. */
const LINES = 12;
const COLUMNS = 400;

const failure = (title: string, message: string | undefined): string =>
  [
    title,
    ...(message ?? "")
      .split("\n")
      .filter((line) => line.trim() !== "")
      .slice(0, LINES),
  ]
    .map((line, index) => `${index === 0 ? "" : "  "}${line.slice(0, COLUMNS)}\n`)
    .join("");

/** The line that ends a test run, alone on its line. */
export const summary = (tally: Tally): string => `${tally.passed} passed, ${tally.failed} failed`;
