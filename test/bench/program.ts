import { $ } from "zx";

/** A program on the real engine: runs one command of its, with what keeps it from asking. */
export type Program = (command: "preview" | "up", ...flags: readonly string[]) => Promise<void>;

/** @param project the program's folder, in which a stack called `devnet` is */
export const programOf =
  (project: string, environment: Readonly<Record<string, string>>): Program =>
  async (command, ...flags) => {
    const yes = command === "preview" ? [] : ["--yes", "--skip-preview"];
    await $({ cwd: project, env: environment, quiet: true })`pulumi ${[
      ...[command, "--stack", "devnet", "--non-interactive"],
      ...[...yes, ...flags],
    ]}`;
  };
