import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preparePulumiHome, pulumiEnvironment } from "../../../scripts/toolchain/pulumi-home.js";
import { resolveEngine } from "../../../scripts/toolchain/resolve.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";
import { installCommandPlugin } from "../../plugins/install.js";

/** A run of the engine. */
export interface Run {
  readonly code: number | null;
  /** Everything that it said. */
  readonly said: string;
  /** Steps by kind and resource, for instance `create a`. */
  readonly steps: readonly string[];
}

/** Which stand-in a stack is made with. */
export interface Kit {
  /** Puts it where the engine looks for it. */
  readonly install: (pulumiHome: string, node: string) => Promise<unknown>;
  /** What is there in a program besides `pulumi` and `folder`. */
  readonly prelude: string;
  /** What its resources' types begin with. */
  readonly types: string;
}

const commands: Kit = {
  install: installCommandPlugin,
  prelude: `const { local, remote } = require("@pulumi/command");`,
  types: "command:",
};

/** A stack of the real engine with a stand-in, in a folder of its own. */
export interface Stack {
  readonly folder: string;
  /** Runs a program of these lines, in which `pulumi`, `folder` and what the kit has are there. */
  up(program: string): Promise<Run>;
  /** {@link up}, which must succeed. @throws Error with what the engine said */
  done(program: string): Promise<Run>;
  preview(program: string): Promise<Run>;
  /** Looks what is really there. */
  refresh(): Promise<Run>;
  destroy(): Promise<Run>;
  outputs(): Promise<Record<string, unknown>>;
  /** Everything that the engine has written: state, backups, history. */
  written(): Promise<string>;
  /** Starts the engine, for who wants to interrupt it: program, arguments, environment. */
  command(program: string): Promise<{ file: string; args: string[]; cwd: string; env: Record<string, string> }>;
  end(): Promise<void>;
}

/** Prepares it. @param extra variables of the engine's environment, for instance `SSH_AUTH_SOCK` */
export async function openStack(extra: Readonly<Record<string, string>> = {}, kit = commands): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-plugin-"));
  const engine = await resolveEngine();
  const home = await preparePulumiHome(join(folder, "home"), engine);
  await kit.install(home.home, engine.node);
  const project = join(folder, "project");
  const state = join(folder, "state");
  await mkdir(join(project, "dist"), { recursive: true });
  await mkdir(state);
  await writeFile(join(folder, "passphrase"), "a passphrase for nothing\n", { mode: 0o600 });
  await writeFile(join(project, "Pulumi.yaml"), "name: trial\nruntime: nodejs\nmain: dist/index.js\n");
  await writeFile(join(project, "package.json"), `{"name":"trial"}`);
  await symlink(join(packageRoot(), "node_modules"), join(project, "node_modules"));
  const env = {
    ...pulumiEnvironment({
      home,
      node: engine.node,
      backendFolder: state,
      passphraseFile: join(folder, "passphrase"),
      extra: { PULUMI_DEBUG_COMMANDS: "true", ...extra },
    }),
  };
  const events = join(folder, "events.json");
  const flags = ["--stack", "test", "--non-interactive"];
  const run = async (...args: string[]): Promise<Run> => {
    await rm(events, { force: true });
    const { code, stdout, stderr } = await runProcess(home.pulumi, args, { cwd: project, env });
    return { code, said: stdout + stderr, steps: stepsOf(await readFile(events, "utf8").catch(() => ""), kit.types) };
  };
  const write = (program: string): Promise<void> =>
    writeFile(
      join(project, "dist", "index.js"),
      `const pulumi = require("@pulumi/pulumi");\n${kit.prelude}\n` +
        `const folder = ${JSON.stringify(folder)};\n${program}\n`,
    );
  const changing = [...flags, "--yes", "--skip-preview", "--event-log", events];
  await run("stack", "init", ...flags);
  const up = async (program: string): Promise<Run> => {
    await write(program);
    return run("up", ...changing);
  };
  return {
    folder,
    up,
    done: async (program) => {
      const result = await up(program);
      if (result.code !== 0) throw new Error(result.said);
      return result;
    },
    preview: async (program) => {
      await write(program);
      return run("preview", ...flags, "--event-log", events);
    },
    refresh: () => run("refresh", ...changing),
    destroy: () => run("destroy", ...changing),
    outputs: async () => {
      const { said } = await run("stack", "output", "--json", "--show-secrets", ...flags);
      return JSON.parse(said) as Record<string, unknown>;
    },
    written: async () => {
      const entries = await readdir(state, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), "utf8")))).join("\n");
    },
    command: async (program) => {
      await write(program);
      return { file: home.pulumi, args: ["up", ...changing], cwd: project, env };
    },
    end: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What the engine's event log says it did, or would do. Unchanged resources and the stack itself are left out. */
function stepsOf(events: string, types: string): string[] {
  return events.split("\n").flatMap((line) => {
    if (!line.includes('"resourcePreEvent"')) return [];
    const { metadata } = (
      JSON.parse(line) as { resourcePreEvent: { metadata: { op: string; urn: string; type: string } } }
    ).resourcePreEvent;
    if (metadata.op === "same" || !metadata.type.startsWith(types)) return [];
    return [`${metadata.op} ${metadata.urn.split("::").at(-1) ?? ""}`];
  });
}
