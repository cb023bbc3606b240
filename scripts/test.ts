import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "../system/process.js";
import { addReport, nothingYet, summary, type Tally } from "./test-report.js";

/**
 * `npm test`: lint, format and types beside the fast tests, then real tests with those of hosts and of AWS. A red check ends it there; red tests don't, so that one run tells all. Named test projects instead,
 * as `npm run test:hosts` names one, are run alone. The last line says how many tests passed and failed; each red check counts as one failure.
 */
const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["lint", "eslint", ".", "--max-warnings", "0"],
  ["format", "prettier", "--check", "--log-level", "warn", "."],
  ["types", "tsc", "--noEmit"],
];

/** What runs one after the other. Projects that run as one share their workers, so that none of those waits for the slowest file of a project. */
const rounds = [["fast"], ["aws", "hosts", "real"]];

async function main(asked: readonly string[]): Promise<void> {
  const checked = asked.length > 0 ? [] : redChecks();
  let tally = nothingYet;
  for (const projects of asked.length > 0 ? [asked] : rounds) {
    process.stderr.write(`◐ ${projects.join(", ")} tests\n`);
    const [after, red] = await Promise.all([runTests(projects, tally), checked]);
    if (stopped !== undefined) return stop(stopped);
    const unsaid = !after.green && after.tally.failed === tally.failed; // red for a reason that no test has
    tally = unsaid ? { ...after.tally, failed: tally.failed + 1 } : after.tally;
    if (red.length > 0) return finish({ ...tally, failed: tally.failed + red.length });
  }
  finish(tally);
}

/** All checks at once: one takes as long as the others together, and green they print nothing. @returns the names of those that are red */
async function redChecks(): Promise<readonly string[]> {
  process.stderr.write(`◐ ${checks.map(([name]) => name).join(", ")}\n`);
  const checked = checks.map(async ([name, command, ...args]) => ((await run(command, args)) === 0 ? [] : [name]));
  const red = (await Promise.all(checked)).flat();
  if (stopped === undefined) for (const name of red) process.stderr.write(`✗ ${name}\n`);
  return red;
}

/** Vitest projects; their own report is shown as it runs, the JSON beside it is what is counted. */
async function runTests(projects: readonly string[], before: Tally): Promise<{ tally: Tally; green: boolean }> {
  const folder = await mkdtemp(join(tmpdir(), "lightchain-fleet-test-"));
  try {
    const file = join(folder, "report.json");
    const code = await run("vitest", [
      "run",
      ...projects.flatMap((project) => ["--project", project]),
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
    ]);
    const text = await readFile(file, "utf8").catch(() => undefined);
    return { tally: text === undefined ? before : addReport(before, JSON.parse(text)), green: code === 0 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What this run was asked to end by: nothing more is begun then, and nothing counted. */
let stopped: NodeJS.Signals | undefined;

function stop(signal: NodeJS.Signals): void {
  process.stderr.write(`✗ stopped (${signal})\n`);
  process.exitCode = 128 + constants.signals[signal];
}

/** Whoever sees only the end of a long run's output sees what failed in it. */
function finish(tally: Tally): void {
  if (tally.failures.length > 0) process.stdout.write(`\nFailed:\n\n${tally.failures.join("\n")}`);
  if (tally.skipped.length > 0) {
    process.stdout.write(`\nNot run on this machine:\n${tally.skipped.map((name) => `  ${name}\n`).join("")}`);
  }
  process.stdout.write(`\n${summary(tally)}\n`);
  process.exitCode = tally.failed === 0 ? 0 : 1;
}

/** Runs a program attached to the terminal. @returns its exit code, or 1 when a signal ended it */
async function run(command: string, args: readonly string[]): Promise<number> {
  let child: ReturnType<typeof startProcess> | undefined;
  const forward = (): void => {
    stopped = "SIGTERM";
    child?.kill("SIGTERM");
  };
  const wait = (): void => void (stopped = "SIGINT"); // Ctrl-C reaches the child from the terminal
  process.on("SIGTERM", forward).on("SIGINT", wait); // before the child, which may be seen before this goes on
  try {
    child = startProcess(command, args, { env: environment, stdio: "inherit" });
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? 1;
  } finally {
    process.off("SIGTERM", forward).off("SIGINT", wait);
  }
}

const environment = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
);

void main(process.argv.slice(2).filter((name) => rounds.flat().includes(name)));
