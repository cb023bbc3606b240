import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command, InvalidArgumentError } from "commander";
import { readIfPresent } from "../system/files.js";
import { packageRoot } from "../system/package-root.js";
import { startProcess } from "../system/process.js";
import { entriesOf, renderRun, suites, withRun, type SoakRun, type SoakSuite, type SuiteName } from "./soak-report.js";

/**
 * `npm run soak`: plays the situations that `npm test` plays once many times, each time varied by a seed, and writes what was seen to `docs/soak.md`.
 */
const names = Object.keys(suites) as SuiteName[];
const suite = (text: string): SuiteName => {
  const found = names.find((name) => name === text);
  if (found === undefined) throw new InvalidArgumentError(`There are ${names.join(", ")}.`);
  return found;
};
const positive = (text: string): number => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("It is a whole number from 1.");
  return number;
};

const program = new Command("soak")
  .description("Play the dangerous situations often, each time with another seed, and write down what was seen.")
  .option("--suite <name>", `only one of ${names.join(", ")}`, suite)
  .option("--rounds <number>", "how often each situation is played (default: the suite's own number)", positive)
  .option("--seed <number>", "the first seed", positive, 1)
  .option("--at-once <number>", "how many processes share the rounds, each with a network of its own", positive, 1)
  .option("--only <text>", "only tests whose name contains this; nothing is written down then");

interface Options {
  readonly suite?: SuiteName;
  readonly rounds?: number;
  readonly seed: number;
  readonly atOnce: number;
  readonly only?: string;
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  const file = join(packageRoot(), "docs", "soak.md");
  for (const name of options.suite === undefined ? names : [options.suite]) {
    const run = await play(name, options);
    process.stdout.write(`\n${renderRun(run)}`);
    if (options.only === undefined) await writeFile(file, withRun((await readIfPresent(file)) ?? "", run));
    if (!run.isGreen) process.exitCode = 1;
  }
}

async function play(name: SuiteName, options: Options): Promise<SoakRun> {
  const { rounds = suites[name].rounds, seed } = options;
  const atOnce = Math.min(options.atOnce, rounds);
  const folder = await mkdtemp(join(tmpdir(), "lightchain-fleet-soak-"));
  const wait = (): void => undefined; // Ctrl-C reaches the children from the terminal
  process.on("SIGINT", wait);
  try {
    const report = join(folder, "rounds.jsonl");
    const begun = Date.now();
    const tested = await commit();
    const shares = Array.from({ length: atOnce }, (_, share) =>
      playShare(suites[name], options, {
        LF_SOAK_ROUNDS: String(rounds),
        LF_SOAK_SEED: String(seed),
        LF_SOAK_SHARE: `${share}/${atOnce}`,
        LF_SOAK_REPORT: report,
      }),
    );
    const codes = await Promise.all(shares);
    return {
      suite: name,
      commit: tested,
      rounds,
      seed,
      minutes: (Date.now() - begun) / 60_000,
      isGreen: codes.every((code) => code === 0),
      entries: entriesOf((await readIfPresent(report)) ?? ""),
    };
  } finally {
    process.off("SIGINT", wait);
    await rm(folder, { recursive: true, force: true });
  }
}

/** One process's part of the rounds. @returns its exit code; `null` when a signal ended it */
async function playShare(
  { tests, project }: SoakSuite,
  { only }: Options,
  environment: Readonly<Record<string, string>>,
): Promise<number | null> {
  const filter = only === undefined ? [] : ["-t", only];
  const child = startProcess("vitest", ["run", "--project", project, "--reporter=verbose", tests, ...filter], {
    env: { ...(process.env as Record<string, string>), ...environment },
    stdio: "inherit",
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

/** What is tested; `-dirty` when it is not what was committed. The report itself does not count. */
async function commit(): Promise<string> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)("git", args, { cwd: packageRoot() })).stdout.trim();
  const changed = await git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs/soak.md");
  return `${await git("rev-parse", "--short", "HEAD")}${changed === "" ? "" : "-dirty"}`;
}

void main();
