import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { bundleManifestSchema } from "../../../../schema/bundle.js";
import { packageRoot } from "../../../../system/package-root.js";
import { runProcess } from "../../../../system/process.js";

/** Runs a program that must succeed. @returns what it printed */
export async function must(file: string, args: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await runProcess(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: process.env as Record<string, string>,
  });
  if (code !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

/**
 * What `npm pack` makes of this checkout, unpacked.
 * @returns the folder, and the paths in the package
 */
export async function packed(folder: string): Promise<{ package: string; paths: readonly string[] }> {
  const staged = join(folder, "staged");
  const root = packageRoot();
  await mkdir(staged, { recursive: true });
  await must(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.types.json"], root);
  for (const part of ["package.json", "README.md", "LICENSE", "docs"])
    await cp(join(root, part), join(staged, part), { recursive: true });
  await copy(join(root, "dist"), join(staged, "dist"));
  // Node itself is put in afterwards: to compress its 120 MB takes half a minute.
  const node = join("dist", "bundle", "node");
  await replace(join(staged, node), "");
  await chmod(join(staged, node), 0o755);
  // Without its scripts: they would build what is being tested once more.
  const told = await must("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], staged);
  const [about] = packSchema.parse(JSON.parse(told));
  await must("tar", ["-xzf", join(folder, about!.filename), "-C", folder]);
  const { mode } = await stat(join(folder, "package", node));
  if ((mode & 0o100) === 0) throw new Error("the packed node cannot be run");
  await rm(join(folder, "package", node));
  await copy(join(root, node), join(folder, "package", node));
  return { package: join(folder, "package"), paths: about!.files.map(({ path }) => path) };
}
const packSchema = z.array(
  z.looseObject({ filename: z.string(), files: z.array(z.looseObject({ path: z.string() })) }),
);

/** A copy of a folder that shares the content of its files where it can: never write into one, replace it. */
export async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await must("cp", ["-al", from, to]).catch(() => must("cp", ["-a", from, to]));
}

/**
 * Makes another build of a package: its providers leave the line `<mark> <kind> <method>` in a file each time that the engine calls them, and its bundle is
 * another one too, whose host program says more than any version knows.
 * @param folder a copy of the package, or of a checkout
 */
export async function markBuild(folder: string, mark: string, log: string): Promise<void> {
  const providers = join(folder, "dist", "components", "providers.js");
  await rename(providers, join(dirname(providers), "providers.unmarked.js"));
  await writeFile(
    providers,
    `const { implementations } = require("./providers.unmarked.js");
const marked = (kind, methods) => Object.fromEntries(Object.entries(methods).map(([method, run]) => [method, (...args) => {
  require("node:fs").appendFileSync(${JSON.stringify(log)}, ${JSON.stringify(mark)} + " " + kind + " " + method + "\\n");
  return run(...args);
}]));
exports.implementations = Object.fromEntries(Object.entries(implementations).map(([kind, methods]) => [kind, marked(kind, methods)]));
`,
  );
  const bundle = join(folder, "dist", "bundle");
  const program = `${saysMore(mark)}\n${await readFile(join(bundle, "host.js"), "utf8")}`;
  await replace(join(bundle, "host.js"), program);
  const manifest = bundleManifestSchema.parse(JSON.parse(await readFile(join(bundle, "manifest.json"), "utf8")));
  const files = { ...manifest.files, "host.js": sha256(program) };
  await replace(
    join(bundle, "manifest.json"),
    JSON.stringify({ ...manifest, files, hash: `0x${sha256(JSON.stringify(files))}` }),
  );
}
/** A host program that answers with a field that no version knows, as another version's may. */
const saysMore = (mark: string): string =>
  `{ const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (text, ...rest) => write(JSON.stringify({ ...JSON.parse(text), mark: ${JSON.stringify(mark)} }), ...rest); }`;

async function replace(path: string, content: string): Promise<void> {
  await rm(path);
  await writeFile(path, content);
}
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What `npm install` leaves in a program's folder: the package itself, its program, and the packages that it says it needs. */
export async function install(from: string, program: string): Promise<void> {
  const modules = join(program, "node_modules");
  const at = join(modules, "lightchain-fleet");
  await rm(at, { recursive: true, force: true });
  await copy(from, at);
  const { dependencies, optionalDependencies, bin } = manifestSchema.parse(
    JSON.parse(await readFile(join(at, "package.json"), "utf8")),
  );
  for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), "typescript"]) {
    if (existsSync(join(modules, name))) continue;
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(packageRoot(), "node_modules", name), join(modules, name));
  }
  await mkdir(join(modules, ".bin"), { recursive: true });
  for (const [name, path] of Object.entries(bin)) {
    await rm(join(modules, ".bin", name), { force: true });
    await symlink(join("..", "lightchain-fleet", path), join(modules, ".bin", name));
    await chmod(join(at, path), 0o755);
  }
}
const manifestSchema = z.looseObject({
  dependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
  bin: z.record(z.string(), z.string()),
});

/** A checkout as it stands after its first command: compiled, and with its packages. */
export async function checkOut(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of ["Pulumi.yaml", "package.json"]) await cp(join(packageRoot(), file), join(folder, file));
  await copy(join(packageRoot(), "dist"), join(folder, "dist"));
  await mkdir(join(folder, "node_modules"));
  for (const name of await readdir(join(packageRoot(), "node_modules")))
    await symlink(join(packageRoot(), "node_modules", name), join(folder, "node_modules", name));
  await mkdir(join(folder, "docs"));
}

/** The marks that builds have left since the last look. */
export function marksIn(log: string): () => Promise<string[]> {
  let seen = 0;
  return async () => {
    await appendFile(log, "");
    const lines = (await readFile(log, "utf8")).split("\n").slice(0, -1);
    const fresh = lines.slice(seen);
    seen = lines.length;
    return fresh;
  };
}
