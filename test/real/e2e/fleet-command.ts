import { z } from "zod";
import { statusSchema } from "../../../schema/control.js";
import type { Folders } from "../../../scripts/rehearsal/folders.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { compiled } from "../../../system/package-root.js";
import { runProcess, type ProcessResult } from "../../../system/process.js";

/** `npx fleet` as it is typed in the folder of a stack's project. */
export const fleetHere = (
  { project }: Pick<Folders, "project">,
  { environment }: Pick<Stage, "environment">,
  ...args: readonly string[]
): Promise<ProcessResult> =>
  runProcess(process.execPath, [compiled("scripts/fleet.js"), ...args, "--stack", "devnet"], {
    cwd: project,
    env: environment,
  });

const answersSchema = z.record(
  z.string(),
  z.union([z.object({ status: statusSchema }), z.object({ problem: z.object({ code: z.string() }) })]),
);

/** What `fleet status` finds of every worker of a stack, by name: its mode, or the code of what is in the way. */
export async function statusesOf(folders: Pick<Folders, "project">, stage: Stage): Promise<Record<string, string>> {
  const { stdout } = await fleetHere(folders, stage, "status", "--json");
  return Object.fromEntries(
    Object.entries(answersSchema.parse(JSON.parse(stdout))).map(([name, answer]) => [
      name,
      "status" in answer ? answer.status.mode : answer.problem.code,
    ]),
  );
}
