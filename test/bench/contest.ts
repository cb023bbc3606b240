import Table from "cli-table3";
import { inPair, timesOf, type Pair } from "./pairs.js";
import type { Program } from "./program.js";

const rounds = 5;
const commands = ["preview", "up"] as const;

/** Runs each command of each program in turns with the empty program's, and prints what they take. An `up` must find nothing to do. */
export async function contest(empty: Program, programs: Readonly<Record<string, Program>>): Promise<void> {
  const rows = Object.entries(programs).flatMap(([name, program]) =>
    commands.map((command) => ({ name, program, command, pairs: [] as Pair[] })),
  );
  for (let round = 0; round < rounds; round++)
    for (const { program, command, pairs } of rows)
      pairs.push(
        await inPair(
          () => program(command, "--expect-no-changes"),
          () => empty(command, "--expect-no-changes"),
        ),
      );
  const table = new Table({ head: ["worker", "command", "it (s)", "empty (s)", "ratio, median of pairs"] });
  for (const { name, command, pairs } of rows) table.push([name, command, ...timesOf(pairs)]);
  process.stdout.write(`${table.toString()}\n${rounds} pairs each, in turns.\n`);
}
