import { expect, test } from "vitest";
import { entriesOf, renderRun, suites, withRun, type SoakRun } from "../../scripts/soak-report.js";

const run = (over: Partial<SoakRun> = {}): SoakRun => ({
  suite: "kills",
  commit: "abc1234",
  rounds: 2,
  seed: 1,
  minutes: 3.4,
  isGreen: true,
  entries: [
    { what: "kill at claim sent", seed: 1, wrong: [] },
    { what: "kill at claim sent", seed: 101, wrong: [] },
    { what: "kill at mid-stream", seed: 3, wrong: [] },
  ],
  ...over,
});

test("a run's part counts each situation, with the commit, the seeds and the time", () => {
  const text = renderRun(run());
  expect(text).toContain("Commit abc1234 · 2 rounds from seed 1 · 3 min · green\n");
  expect(text).toContain("| kill at claim sent | 2 | 1–101 | 0 |\n| kill at mid-stream | 1 | 3–3 | 0 |\n");
});

test("a violation is written down with its seed", () => {
  const entries = [{ what: "kill at claim sent", seed: 7, wrong: ["2 blobs instead of one"] }];
  const text = renderRun(run({ isGreen: false, entries }));
  expect(text).toContain("· red\n");
  expect(text).toContain("| kill at claim sent | 1 | 7–7 | 1 |");
  expect(text).toContain("- kill at claim sent, seed 7: 2 blobs instead of one\n");
});

test("a run replaces its own part of the report and leaves the others", () => {
  const first = withRun("", run());
  const both = withRun(first, run({ suite: "engine", commit: "def5678" }));
  const again = withRun(both, run({ commit: "0123456" }));
  expect(again).not.toContain("abc1234");
  expect(again).toContain("def5678");
  expect(again.match(/^## .*/gm)).toEqual([`## ${suites.kills.title}`, `## ${suites.engine.title}`]);
  expect(withRun(again, run({ commit: "0123456" }))).toBe(again);
});

test("what the tests wrote is read line by line, and a damaged line is refused", () => {
  expect(entriesOf('{"what":"a","seed":1,"wrong":[]}\n{"what":"b","seed":2,"wrong":["x"]}\n')).toHaveLength(2);
  expect(entriesOf("")).toEqual([]);
  expect(() => entriesOf('{"what":"a"}\n')).toThrow();
});
