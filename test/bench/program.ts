import { EngineFailed } from "../../scripts/rehearsal/engine.js";
import { runProcess } from "../../system/process.js";

/** A program on the real engine: runs one command of its, with what keeps it from asking. @returns what the engine printed */
export type Program = (command: "preview" | "up", ...flags: readonly string[]) => Promise<string>;

/** @param project the program's folder, in which a stack called `devnet` is */
export const programOf =
  (project: string, environment: Readonly<Record<string, string>>): Program =>
  async (command, ...flags) => {
    const yes = command === "preview" ? [] : ["--yes", "--skip-preview"];
    const args = [command, "--stack", "devnet", "--non-interactive", ...yes, ...flags];
    const { code, stdout, stderr } = await runProcess("pulumi", args, { cwd: project, env: environment });
    if (code !== 0) throw new EngineFailed(command, `${stdout}\n${stderr}`);
    return stdout;
  };
