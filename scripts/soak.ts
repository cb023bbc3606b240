import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command, InvalidArgumentError } from "commander";
import { packageRoot } from "../system/package-root.js";
import { startProcess } from "../system/process.js";
import { entriesOf, render, type SoakRun } from "./soak-report.js";

/**
 * `npm run soak`: plays the situations that `npm test` plays once many times, each time varied by a seed, and writes what was seen to `docs/soak.md`.
 */
const suites = ["test/real/sidecar/kills", "test/real/sidecar/holders", "test/real/e2e/killed/rounds"];

const positive = (text: string): number => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("It is a whole number from 1.");
  return number;
};

const program = new Command("soak")
  .description("Play the dangerous situations often, each time with another seed, and write down what was seen.")
  .option("--rounds <number>", "how often each situation is played", positive, 20)
  .option("--seed <number>", "the first seed", positive, 1)
  .option("--only <text>", "only tests whose name contains this; nothing is written down then");

async function main(): Promise<void> {
  const { rounds, seed, only } = program.parse().opts<{ rounds: number; seed: number; only?: string }>();
  const folder = await mkdtemp(join(tmpdir(), "lightchain-fleet-soak-"));
  try {
    const report = join(folder, "rounds.jsonl");
    const begun = Date.now();
    const child = startProcess(
      "vitest",
      ["run", "--project", "real", "--reporter=verbose", ...suites, ...(only === undefined ? [] : ["-t", only])],
      {
        env: {
          ...(process.env as Record<string, string>),
          LF_SOAK_ROUNDS: String(rounds),
          LF_SOAK_SEED: String(seed),
          LF_SOAK_REPORT: report,
        },
        stdio: "inherit",
      },
    );
    const wait = (): void => undefined; // Ctrl-C reaches the child from the terminal
    process.on("SIGINT", wait);
    const [code] = (await once(child, "exit")) as [number | null];
    const run: SoakRun = {
      commit: await commit(),
      rounds,
      seed,
      minutes: (Date.now() - begun) / 60_000,
      isGreen: code === 0,
      entries: entriesOf(await readFile(report, "utf8").catch(() => "")),
    };
    const text = render(run);
    process.stdout.write(`\n${text}`);
    if (only === undefined) await writeFile(join(packageRoot(), "docs", "soak.md"), text);
    process.exitCode = run.isGreen ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What was tested; `-dirty` when it is not what was committed. */
async function commit(): Promise<string> {
  const { stdout } = await promisify(execFile)("git", ["describe", "--always", "--dirty", "--exclude=*"], {
    cwd: packageRoot(),
  });
  return stdout.trim();
}

void main();
