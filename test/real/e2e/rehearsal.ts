import { mkdtemp, rm } from "node:fs/promises";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privateKeyToAccount } from "viem/accounts";
import { createConsumer, type Consumer } from "../../../devnet/consumer/consumer.js";
import { loadKzg } from "../../../system/kzg.js";
import { accountsSchema } from "../../../devnet/documents.js";
import type { Network } from "../../../schema/network.js";
import { foldersIn, type Folders } from "../../../scripts/rehearsal/folders.js";
import { startNetwork, type RunningNetwork } from "../../../scripts/rehearsal/network.js";
import { resolveToolchain, type Toolchain } from "../../../scripts/toolchain/resolve.js";
import { runProcess } from "../../../system/process.js";

/** A rehearsal network in a folder of its own, and everything to end it whatever happened on it. */
export interface Rehearsal {
  readonly folders: Folders;
  readonly tools: Toolchain;
  readonly network: RunningNetwork;
  end(): Promise<void>;
}

export async function openRehearsal(): Promise<Rehearsal> {
  const root = await mkdtemp(join(tmpdir(), "fleet-e2e-"));
  const folders = foldersIn(root);
  const tools = await resolveToolchain();
  const network = await startNetwork(folders, tools);
  return {
    folders,
    tools,
    network,
    end: async () => {
      await network.stop();
      await endProcessesIn(root);
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Whatever still runs with this folder in its arguments or environment: left by a test that failed half way. */
async function endProcessesIn(root: string): Promise<void> {
  for (const pid of await processesIn(root)) process.kill(pid, "SIGKILL");
}

/** Processes that have the folder in their arguments or environment. */
export async function processesIn(root: string): Promise<number[]> {
  const { stdout } = await runProcess("sh", [
    "-c",
    `grep -alF -- "$0" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true`,
    root,
  ]);
  const pids = stdout.split("\n").map((line) => Number(/\/proc\/(\d+)\//.exec(line)?.[1] ?? 0));
  return [...new Set(pids)].filter((pid) => pid !== 0 && pid !== process.pid && isAliveAndNotShell(pid));
}

function isAliveAndNotShell(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The rehearsal network's paying consumer. */
export async function consumerOf(network: Network, accountsFile: string): Promise<Consumer> {
  const [payer] = accountsSchema.parse(JSON.parse(await readFile(accountsFile, "utf8"))).consumers;
  return createConsumer({ network, account: privateKeyToAccount(payer!.privateKey), kzg: await loadKzg() });
}
