import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { packageRoot } from "../../system/package-root.js";

/**
 * Puts the stand-in for the `command` plugin where the engine of this PULUMI_HOME looks for the real one.
 * @param node Node 24, which runs it
 */
export const installCommandPlugin = (pulumiHome: string, node = process.execPath): Promise<string> =>
  installPlugin(pulumiHome, "command", node);

/** The same for the `docker` plugin. */
export const installDockerPlugin = (pulumiHome: string, node = process.execPath): Promise<string> =>
  installPlugin(pulumiHome, "docker", node);

/** The same for the `aws` plugin. Where it is to ask, it learns from the environment that the engine has: `AWS_ENDPOINT_URL`. */
export const installAwsPlugin = (pulumiHome: string, node = process.execPath): Promise<string> =>
  installPlugin(pulumiHome, "aws", node);

/**
 * Bundles `test/plugins/<name>/main.ts` into the plugin folder of a PULUMI_HOME. The folder's name has the version that the SDK asks the engine for, its own.
 * @returns the folder
 */
async function installPlugin(pulumiHome: string, name: string, node: string): Promise<string> {
  const sdk = join(packageRoot(), "node_modules", "@pulumi", name, "package.json");
  const { version } = JSON.parse(await readFile(sdk, "utf8")) as { version: string };
  const folder = join(pulumiHome, "plugins", `resource-${name}-v${version}`);
  await mkdir(folder, { recursive: true });
  const bundle = join(folder, "plugin.cjs");
  await build({
    entryPoints: [join(packageRoot(), "test", "plugins", name, "main.ts")],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    external: ["*.node", "cpu-features"], // speed-ups that ssh2 does without
    logLevel: "error",
  });
  const launcher = join(folder, `pulumi-resource-${name}`);
  // exec: the engine must be the parent, since a parent that changes is how the plugin knows that the engine is gone
  await writeFile(launcher, `#!/bin/sh\nexec ${quoted(node)} ${quoted(bundle)} "$@"\n`);
  await chmod(launcher, 0o755);
  return folder;
}

const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`;
