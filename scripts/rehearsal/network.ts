import { readFile } from "node:fs/promises";
import { runningIn, startInBackground, stopDevnet } from "../../devnet/background.js";
import { keptGenesis } from "../../devnet/chain/chain.js";
import { osakaAfterIn, type Fork } from "../../devnet/chain/genesis.js";
import { steer } from "../../devnet/control-client.js";
import { accountsSchema, filesIn, readDocument, setupSchema } from "../../devnet/documents.js";
import { modeOf, requireMode, type NetworkMode } from "../../devnet/mode.js";
import type { Folders } from "./folders.js";

/** A rehearsal network that runs in a process of its own. */
export interface RunningNetwork {
  /** How it was set up to give sessions to workers. */
  readonly mode: NetworkMode;
  readonly networkFile: string;
  readonly accountsFile: string;
  /** Private key of the account that plays the operator's treasury. */
  readonly treasuryKey: string;
  /** What a worker may serve here, and where Ollama pulls it from. */
  readonly models: readonly { readonly name: string; readonly source: string; readonly insecure: boolean }[];
  /** Lets time pass on the chain (seconds). */
  advance(seconds: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the network in its folder, or takes the one that runs there.
 * @param options.mode how it gives sessions to workers. Default: as the folder has it, sortition in a new one
 * @param options.fork rules of its blocks. Default: what the folder has; `prague` in a new one
 * @throws OtherMode (LF1050) when the folder is of another mode, OtherForks (LF1039) when one with other rules runs there, and what
 *   {@link startInBackground} throws
 */
export async function startNetwork(
  folders: Folders,
  tools: { readonly geth: string },
  { mode, fork }: { readonly mode?: NetworkMode | undefined; readonly fork?: Fork | undefined } = {},
): Promise<RunningNetwork> {
  const dir = folders.network;
  const files = filesIn(dir);
  const setup = await readDocument(files.setup, setupSchema);
  if (setup !== undefined) requireMode(dir, setup, mode);
  const forks = fork === undefined ? {} : { fork };
  const chosen = { dir, geth: tools.geth, ...(mode && { mode }), ...forks };
  const running = (await runningIn(dir)) ?? (await startInBackground(chosen));
  await keptGenesis(files.chain, osakaAfterIn(forks));
  const accounts = accountsSchema.parse(JSON.parse(await readFile(files.accounts, "utf8")));
  return {
    mode: modeOf((await readDocument(files.setup, setupSchema)) ?? []),
    networkFile: files.network,
    accountsFile: files.accounts,
    treasuryKey: accounts.treasury.privateKey,
    models: running.models.slice(0, 1).map(({ name, pull }) => ({ name, source: pull, insecure: true })),
    advance: async (seconds) => {
      await steer(running, "POST", "/time", { advance: seconds });
    },
    stop: async () => {
      await stopDevnet(dir);
    },
  };
}
