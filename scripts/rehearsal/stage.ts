import { readFile } from "node:fs/promises";
import { createPublicClient, http, type PublicClient } from "viem";
import { z } from "zod";
import { resolveContracts, type Contracts } from "../../abi/bootstrap.js";
import type { RecordRef } from "../../keystore/store.js";
import { addressSchema, networkSchema, type Network } from "../../schema/network.js";
import { writeAtomically } from "../../system/files.js";
import { preparePulumiHome, pulumiEnvironment } from "../toolchain/pulumi-home.js";
import type { Toolchain } from "../toolchain/resolve.js";
import { openEngine, type Engine } from "./engine.js";
import type { Folders } from "./folders.js";
import type { RunningNetwork } from "./network.js";
import { prepareOperator, renderEnvironment, type Operator } from "./operator.js";

/** What the stack exports (`stacks/devnet.ts`). */
export const outputsSchema = z.looseObject({ worker: addressSchema, ollama: z.url() });

/** Everything that the phases work with. */
export interface Stage {
  readonly engine: Engine;
  /** What the engine runs with, for running it by hand. */
  readonly environment: Readonly<Record<string, string>>;
  readonly operator: Operator;
  readonly network: Network;
  readonly accountsFile: string;
  /** The model that is served and asked. */
  readonly model: string;
  readonly client: PublicClient;
  readonly contracts: Contracts;
  readonly workerRef: RecordRef;
}

/**
 * Prepares what an operator would have: treasury and passphrase, a stack with its config, the engine on a state of its own.
 * @param config further values of the stack's config, or other ones
 * @param say called with each line that the engine prints
 * @param further what its environment holds beside the usual
 */
export async function prepareStage(
  folders: Folders,
  tools: Toolchain,
  running: RunningNetwork,
  say: (line: string) => void,
  config: Readonly<Record<string, unknown>> = {},
  further: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const network = networkSchema.parse(JSON.parse(await readFile(running.networkFile, "utf8")));
  const operator = await prepareOperator(folders, {
    network,
    networkFile: running.networkFile,
    treasuryKey: running.treasuryKey,
    ollama: tools.ollama,
    models: running.models,
    config,
  });
  const home = await preparePulumiHome(folders.pulumiHome, tools);
  const environment = pulumiEnvironment({
    home,
    node: tools.node,
    backendFolder: folders.state,
    passphraseFile: folders.passphrase,
    extra: { ...further, LIGHTCHAIN_PASSPHRASE_FILE: folders.passphrase },
  });
  await writeAtomically(folders.environment, renderEnvironment(environment), "private");
  const engine = openEngine(folders, { pulumi: home.pulumi, environment }, (line) => say(`  ${line}`));
  await engine.initialise();
  const client = createPublicClient({ transport: http(network.endpoints.rpc, { batch: true }), pollingInterval: 100 });
  const contracts = await resolveContracts(client, network);
  const [model] = running.models;
  if (model === undefined) throw new Error("the rehearsal network has no model");
  return {
    engine,
    environment,
    operator,
    network,
    accountsFile: running.accountsFile,
    model: model.name,
    client,
    contracts,
    workerRef: `worker/${network.chainId}/home`,
  };
}
