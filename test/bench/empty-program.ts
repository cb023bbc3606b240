import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { packageRoot } from "../../system/package-root.js";
import { programOf, type Program } from "./program.js";

/** As many as a worker with one model is made of. */
const resources = 6;

/** A program of as many resources that do nothing, which is up: what the engine, the language host and one provider process cost by themselves. */
export async function emptyProgram(root: string, environment: Readonly<Record<string, string>>): Promise<Program> {
  const [folder, state] = [join(root, "empty-project"), join(root, "empty-state")];
  await mkdir(join(folder, "dist"), { recursive: true });
  await mkdir(state);
  await cp(join(packageRoot(), "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  await symlink(join(packageRoot(), "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "dist", "index.js"), source);
  const env = { ...environment, PULUMI_BACKEND_URL: `file://${state}` };
  await $({ cwd: folder, env, quiet: true })`pulumi stack init devnet --non-interactive`;
  const program = programOf(folder, env);
  await program("up");
  return program;
}

const source = `
const pulumi = require("@pulumi/pulumi");
const provider = { create: async (inputs) => ({ id: inputs.name, outs: inputs }), diff: async () => ({ changes: false }) };
class Empty extends pulumi.dynamic.Resource { constructor(name, parent) { super(provider, name, { name }, { parent }); } }
const parent = new pulumi.ComponentResource("bench:Parent", "parent", {});
for (let i = 0; i < ${resources}; i++) new Empty("r" + i, parent);
`;
