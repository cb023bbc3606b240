import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import { packageRoot } from "../../system/package-root.js";
import { runProcess } from "../../system/process.js";
import type { Folders } from "./folders.js";

/** LF1040: a run of the engine failed; what it said is above. */
export class EngineFailed extends FleetError {
  constructor(
    command: string,
    readonly output: string,
  ) {
    super("LF1040", `pulumi ${command} failed: ${reasonIn(output)}`, {
      fix: "mend what the line above names, then run npm start again.",
    });
  }
}

/** What a failed run failed of: the first coded line that is no warning, else the last line. Pure. */
export function reasonIn(output: string): string {
  const lines = output.trim().split("\n");
  const failures = lines.filter((line) => !/\bwarning: /.test(line));
  const coded = failures.map((line) => /LF1\d{3}: .*/.exec(line)?.[0]).find((line) => line !== undefined);
  return coded ?? (lines.at(-1) || "no output");
}

/** What a run of the engine did, by operation: `create`, `update`, `same`, `delete`, … */
export type Changes = Readonly<Record<string, number>>;

/** The real engine on the rehearsal's own state. */
export interface Engine {
  run(command: "up" | "destroy" | "preview", ...flags: readonly string[]): Promise<Changes>;
  outputs(): Promise<Record<string, unknown>>;
  initialise(): Promise<void>;
}

/** A project folder of its own that runs this package's program. */
async function makeProject(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(join(packageRoot(), "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  for (const part of ["dist", "node_modules"])
    if (!existsSync(join(folder, part))) await symlink(join(packageRoot(), part), join(folder, part));
}

/** One line of the engine's event log that says what the whole run changed. */
const summarySchema = z.looseObject({
  summaryEvent: z.looseObject({ resourceChanges: z.record(z.string(), z.number()) }),
});

/** @param show called with each line that the engine prints */
export function openEngine(
  folders: Folders,
  engine: { pulumi: string; environment: Record<string, string> },
  show: (line: string) => void,
): Engine {
  const pulumi = async (args: readonly string[], quiet = false): Promise<string> => {
    const lines = lineByLine((line) => (quiet ? undefined : show(line)));
    const ended = await runProcess(engine.pulumi, args, {
      cwd: folders.project,
      env: { ...engine.environment, PULUMI_DEBUG_COMMANDS: "true" }, // for --event-log
      onOutput: lines,
    });
    if (ended.code !== 0) throw new EngineFailed(args[0] ?? "", `${ended.stdout}\n${ended.stderr}`);
    return ended.stdout;
  };
  const stack = ["--stack", "devnet", "--non-interactive"];
  return {
    initialise: async () => {
      await mkdir(folders.state, { recursive: true });
      if (!folders.isDefault) await makeProject(folders.project);
      const names = await pulumi(["stack", "ls", "--json", "--non-interactive"], true);
      const known = z.array(z.looseObject({ name: z.string() })).parse(JSON.parse(names));
      if (!known.some((one) => one.name === "devnet" || one.name.endsWith("/devnet")))
        await pulumi(["stack", "init", ...stack], true);
    },
    run: async (command, ...flags) => {
      const events = join(folders.logs, `${command}-events.json`);
      await rm(events, { force: true });
      const yes = command === "preview" ? [] : ["--yes", "--skip-preview"];
      await pulumi([command, ...stack, ...yes, "--event-log", events, ...flags]);
      return summaryOf(await readFile(events, "utf8"));
    },
    outputs: async () => {
      const text = await pulumi(["stack", "output", "--json", "--stack", "devnet", "--non-interactive"], true);
      return JSON.parse(text) as Record<string, unknown>;
    },
  };
}

function summaryOf(events: string): Changes {
  for (const line of events.split("\n").reverse()) {
    if (line === "") continue;
    const summary = summarySchema.safeParse(JSON.parse(line));
    if (summary.success) return summary.data.summaryEvent.resourceChanges;
  }
  return {};
}

/** Resources that are not as they were. */
export const changed = (changes: Changes): number =>
  Object.entries(changes).reduce((sum, [operation, count]) => sum + (operation === "same" ? 0 : count), 0);

function lineByLine(each: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(each);
  };
}
