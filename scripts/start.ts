import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command, Option } from "commander";
import type { Fork } from "../devnet/chain/genesis.js";
import { networkModes, type NetworkMode } from "../devnet/mode.js";
import { describeError, FleetError } from "../schema/errors.js";
import { toJson } from "../schema/json.js";
import { writeAtomically } from "../system/files.js";
import { packageRoot } from "../system/package-root.js";
import { foldersIn, type Folders } from "./rehearsal/folders.js";
import { rehearse } from "./rehearsal/rehearse.js";
import { renderReport } from "./rehearsal/report.js";

/*
 * npm start: the main job on this machine. A rehearsal network, `pulumi up` of one worker on it, an encrypted job asked, answered and paid, a second
 * `up` that changes nothing, `pulumi destroy`; then a table of what happened to the money.
 */
const program = new Command("npm start --")
  .description("Take one worker through its whole life on a rehearsal network on this machine.")
  .option("--json <file>", "write what happened as data, too")
  .option("--keep", "leave network and worker running, and say how to ask and how to stop")
  .option("--prompt <text>", "what to ask the worker", "Tell me about the river.")
  .addOption(new Option("--fork <fork>", "rules of the chain's blocks").choices(["prague", "osaka"]))
  .addOption(new Option("--mode <mode>", "how the network gives sessions to workers").choices(networkModes))
  .option("--dir <folder>", "where to keep everything (default: .fleet/devnet of this checkout)");

interface Options {
  readonly json?: string;
  readonly keep?: boolean;
  readonly prompt: string;
  readonly mode?: NetworkMode;
  readonly fork?: Fork;
  readonly dir?: string;
}

void main();

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  const folders = foldersIn(options.dir);
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    const report = await rehearse({ ...options, folders, keep: options.keep ?? false, say });
    if (options.keep === true) return say(howToGoOn(folders));
    say(renderReport(report));
    if (options.json !== undefined)
      await writeAtomically(options.json, `${JSON.stringify(JSON.parse(toJson(report)), null, 2)}\n`, "public");
    await forget(folders);
    if (report.secrets_found > 0 || !report.job.verified || report.second_up_changes > 0) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(
      `\n${error instanceof FleetError ? error.message : ((error as Error).stack ?? describeError(error))}\n`,
    );
    process.stderr.write(
      `What ran is kept in ${folders.root}; npm run devnet -- down --dir ${join(folders.root, "network")} stops the network.\n`,
    );
    process.exitCode = 1;
  }
}

/** Everything but the archived, sealed keys and what opens them. */
async function forget(folders: Folders): Promise<void> {
  for (const path of [
    folders.network,
    folders.state,
    folders.pulumiHome,
    folders.host,
    folders.logs,
    folders.isDefault ? folders.stackConfig : folders.project,
    folders.environment,
  ])
    await rm(path, { recursive: true, force: true });
  await rmdir(dirname(folders.root)).catch(() => undefined); // stays when keys are in it
}

const howToGoOn = (folders: Folders): string => {
  const here = folders.root.startsWith(packageRoot()) ? folders.root.slice(packageRoot().length + 1) : folders.root;
  return [
    "",
    "The network and the worker are running. In this folder:",
    `  . ${here}/env.sh                                   # once in a shell: the rehearsal's own Pulumi state and keys`,
    `  npm run devnet -- ask --dir ${here}/network "Tell me about the stars."`,
    `  npx pulumi up                                             # changes nothing`,
    `  npm run devnet -- advance --dir ${here}/network 86500   # a day passes: the dispute window of the last job`,
    `  npx pulumi destroy`,
    `  npm run devnet -- down --dir ${here}/network`,
    "",
  ].join("\n");
};
