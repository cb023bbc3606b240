import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { $ } from "zx";
import { describeError, FleetError } from "../schema/errors.js";
import { packageRoot } from "../system/package-root.js";
import { foldersIn } from "./rehearsal/folders.js";
import { startNetwork } from "./rehearsal/network.js";
import { prepareStage } from "./rehearsal/stage.js";
import { resolveToolchain } from "./toolchain/resolve.js";

/*
 * npm run bench -- engine: what preview and a no-op up of one worker cost over the engine's own, measured against a program with as many empty
 * dynamic resources, in turns, in one run. Ratios; the absolute times are this machine's.
 */
const rounds = 5;
const emptyResources = 6;

const [what] = process.argv.slice(2);
if (what === "engine") void benchEngine().catch(fail);
else fail(new Error("npm run bench -- engine"));

async function benchEngine(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "fleet-bench-"));
  const folders = foldersIn(root);
  const tools = await resolveToolchain();
  const network = await startNetwork(folders, tools);
  try {
    const stage = await prepareStage(folders, tools, network, () => undefined);
    process.stdout.write("setting up a worker …\n");
    await stage.engine.run("up");
    const ours = engineIn(folders.project, stage.environment);
    const empty = engineIn(await emptyProject(root), {
      ...stage.environment,
      PULUMI_BACKEND_URL: `file://${root}/empty`,
    });
    await empty("stack", "init", "devnet");
    await empty("up", "--yes", "--skip-preview", "--stack", "devnet");

    const times = { preview: [], up: [] } as Record<"preview" | "up", { ours: number; empty: number }[]>;
    for (let round = 0; round < rounds; round++) {
      for (const command of ["preview", "up"] as const) {
        const flags = ["--stack", "devnet", ...(command === "up" ? ["--yes", "--skip-preview"] : [])];
        times[command].push({
          ours: await timed(() => ours(command, ...flags)),
          empty: await timed(() => empty(command, ...flags)),
        });
      }
    }
    show(times);
    await network.advance(86_460);
    await stage.engine.run("destroy");
  } finally {
    await network.stop();
    await rm(root, { recursive: true, force: true });
  }
}

type Pulumi = (command: string, ...args: string[]) => Promise<void>;

function engineIn(project: string, environment: Readonly<Record<string, string>>): Pulumi {
  return async (command, ...args) => {
    await $({ cwd: project, env: environment, quiet: true })`pulumi ${command} ${args} --non-interactive`;
  };
}

/** A program of as many resources that do nothing: what the engine, the language host and one provider process cost by themselves. */
async function emptyProject(root: string): Promise<string> {
  const folder = join(root, "empty-project");
  await mkdir(join(folder, "dist"), { recursive: true });
  await mkdir(join(root, "empty"));
  await cp(join(packageRoot(), "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  await symlink(join(packageRoot(), "node_modules"), join(folder, "node_modules"));
  const program = `
const pulumi = require("@pulumi/pulumi");
const provider = { create: async (inputs) => ({ id: inputs.name, outs: inputs }), diff: async () => ({ changes: false }) };
class Empty extends pulumi.dynamic.Resource { constructor(name, parent) { super(provider, name, { name }, { parent }); } }
const parent = new pulumi.ComponentResource("bench:Parent", "parent", {});
for (let i = 0; i < ${emptyResources}; i++) new Empty("r" + i, parent);
`;
  await writeFile(join(folder, "dist", "index.js"), program);
  return folder;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function show(times: Record<"preview" | "up", { ours: number; empty: number }[]>): void {
  const table = new Table({ head: ["command", "one worker (s)", "empty (s)", "ratio, median of pairs"] });
  for (const [command, pairs] of Object.entries(times)) {
    const seconds = (values: number[]): string => (median(values) / 1000).toFixed(2);
    table.push([
      command,
      seconds(pairs.map((pair) => pair.ours)),
      seconds(pairs.map((pair) => pair.empty)),
      median(pairs.map((pair) => pair.ours / pair.empty)).toFixed(2),
    ]);
  }
  process.stdout.write(`${table.toString()}\n${rounds} pairs, in turns.\n`);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof FleetError ? error.message : describeError(error)}\n`);
  process.exitCode = 1;
}
