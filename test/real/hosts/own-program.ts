import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { preparePulumiHome, pulumiEnvironment } from "../../../scripts/toolchain/pulumi-home.js";
import { resolveEngine } from "../../../scripts/toolchain/resolve.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";

/** What one run of the engine came to. */
export interface Ended {
  readonly code: number | null;
  /** Everything that it said. */
  readonly said: string;
}

/** One step that the engine began or ended. */
export interface Step {
  readonly is: "begun" | "ended";
  /** `create`, `update`, `same`, `delete`, … */
  readonly op: string;
  readonly name: string;
}

/** A program of one's own that has this package installed, on the real engine. */
export interface OwnProgram {
  /** Runs a program of these lines, in which `component(path)` loads a file of `components/`. */
  up(program: string, ...flags: readonly string[]): Promise<Ended>;
  destroy(...flags: readonly string[]): Promise<Ended>;
  /** What the engine's event log says so far of the run that goes on, or of the last one, in order; nothing of the stack itself. */
  steps(): Promise<Step[]>;
}

/** Prepares it in a folder, where its state is too. */
export async function openOwnProgram(folder: string): Promise<OwnProgram> {
  const engine = await resolveEngine();
  const home = await preparePulumiHome(join(folder, "home"), engine);
  const [project, state, passphraseFile] = ["project", "state", "passphrase"].map((name) => join(folder, name)) as [
    ...[string, string, string],
  ];
  await mkdir(join(project, "node_modules"), { recursive: true });
  await mkdir(state);
  await writeFile(passphraseFile, "a passphrase for nothing\n", { mode: 0o600 });
  await writeFile(join(project, "Pulumi.yaml"), "name: own\nruntime: nodejs\nmain: index.js\n");
  await writeFile(join(project, "package.json"), `{"private":true}`);
  await symlink(packageRoot(), join(project, "node_modules", "lightchain-fleet"));
  await symlink(join(packageRoot(), "node_modules", "@pulumi"), join(project, "node_modules", "@pulumi"));
  const settings = { home, node: engine.node, backendFolder: state, passphraseFile };
  const env = pulumiEnvironment({ ...settings, extra: { PULUMI_DEBUG_COMMANDS: "true" } }); // for --event-log
  const events = join(folder, "events.json");
  const run = async (...args: readonly string[]): Promise<Ended> => {
    await rm(events, { force: true });
    const flags = ["--stack", "test", "--non-interactive"];
    const { code, stdout, stderr } = await runProcess(home.pulumi, [...args, ...flags], { cwd: project, env });
    return { code, said: stdout + stderr };
  };
  const changing = ["--yes", "--skip-preview", "--event-log", events];
  await run("stack", "init");
  return {
    up: async (program, ...flags) => {
      const components = JSON.stringify(join(packageRoot(), "dist", "components"));
      const component = `const component = (path) => require(${components} + "/" + path);`;
      await writeFile(join(project, "index.js"), `${component}\n${program}\n`);
      return run("up", ...changing, ...flags);
    },
    destroy: (...flags) => run("destroy", ...changing, ...flags),
    steps: async () => stepsIn(await readFile(events, "utf8").catch(() => "")),
  };
}

function stepsIn(events: string): Step[] {
  const whole = events.slice(0, events.lastIndexOf("\n") + 1); // the engine may be writing the next line
  return whole.split("\n").flatMap((line): Step[] => {
    const is = line.includes('"resourcePreEvent"') ? "begun" : line.includes('"resOutputsEvent"') ? "ended" : undefined;
    if (is === undefined) return [];
    const { resourcePreEvent: before, resOutputsEvent: after } = JSON.parse(line) as Record<string, Event | undefined>;
    const { op, urn, type } = (before ?? after)!.metadata;
    return type.startsWith("pulumi:") ? [] : [{ is, op, name: urn.split("::").at(-1) ?? "" }];
  });
}
interface Event {
  readonly metadata: { readonly op: string; readonly urn: string; readonly type: string };
}
