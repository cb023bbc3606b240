import Table from "cli-table3";
import type { Program } from "./program.js";

const rounds = 5;
const commands = ["preview", "up"] as const;

/** How long one command of one program took, and the empty program's right after it (ms). */
interface Pair {
  readonly ours: number;
  readonly empty: number;
}

/** Runs each command of each program in turns with the empty program's, and prints what they take. An `up` must find nothing to do. */
export async function contest(empty: Program, programs: Readonly<Record<string, Program>>): Promise<void> {
  const rows = Object.entries(programs).flatMap(([name, program]) =>
    commands.map((command) => ({ name, program, command, pairs: [] as Pair[] })),
  );
  for (let round = 0; round < rounds; round++)
    for (const { program, command, pairs } of rows)
      pairs.push({
        ours: await timed(() => program(command, "--expect-no-changes")),
        empty: await timed(() => empty(command, "--expect-no-changes")),
      });
  const table = new Table({ head: ["worker", "command", "it (s)", "empty (s)", "ratio, median of pairs"] });
  for (const { name, command, pairs } of rows)
    table.push([
      ...[name, command],
      ...[pairs.map(({ ours }) => ours), pairs.map(({ empty }) => empty)].map((ms) => (median(ms) / 1_000).toFixed(2)),
      median(pairs.map(({ ours, empty }) => ours / empty)).toFixed(2),
    ]);
  process.stdout.write(`${table.toString()}\n${rounds} pairs each, in turns.\n`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
