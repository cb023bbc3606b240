import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { packageRoot } from "../../system/package-root.js";
import { programOf, type Program } from "./program.js";

/** How many of each kind of resource a program has: below components, in a dynamic provider, in the `aws` plugin. */
export interface Resources {
  readonly components: number;
  readonly dynamic: number;
  readonly aws: number;
}

/** As many as a worker with one model on a machine of somebody's own is made of. */
const ofOneWorker: Resources = { components: 1, dynamic: 6, aws: 0 };

/** {@link writeEmptyProgram} of one worker's, which is up. */
export async function emptyProgram(root: string, environment: Readonly<Record<string, string>>): Promise<Program> {
  const program = await writeEmptyProgram(root, environment, ofOneWorker);
  await program("up");
  return program;
}

/** A program of as many resources that do nothing, on a stack in which nothing is: what the engine, the language host and a process for each provider cost by themselves. */
export async function writeEmptyProgram(
  root: string,
  environment: Readonly<Record<string, string>>,
  resources: Resources,
): Promise<Program> {
  const [folder, state] = [join(root, "empty-project"), join(root, "empty-state")];
  await mkdir(join(folder, "dist"), { recursive: true });
  await mkdir(state);
  await cp(join(packageRoot(), "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  await symlink(join(packageRoot(), "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "dist", "index.js"), sourceOf(resources));
  const env = { ...environment, PULUMI_BACKEND_URL: `file://${state}` };
  await $({ cwd: folder, env, quiet: true })`pulumi stack init devnet --non-interactive`;
  return programOf(folder, env);
}

const sourceOf = ({ components, dynamic, aws }: Resources): string => `
const pulumi = require("@pulumi/pulumi");
const provider = { create: async (inputs) => ({ id: inputs.name, outs: inputs }), diff: async () => ({ changes: false }) };
class Empty extends pulumi.dynamic.Resource { constructor(name, parent) { super(provider, name, { name }, { parent }); } }
const parents = Array.from({ length: ${components} }, (_, i) => new pulumi.ComponentResource("bench:Parent", "parent" + i, {}));
const parentOf = (i) => parents[i % parents.length];
for (let i = 0; i < ${dynamic}; i++) new Empty("r" + i, parentOf(i));
${aws === 0 ? "" : `const { InternetGateway } = require("@pulumi/aws/ec2/internetGateway");`}
for (let i = 0; i < ${aws}; i++) new InternetGateway("a" + i, { region: "eu-central-1" }, { parent: parentOf(i) });
`;
