import { NodeUnreachable } from "../../abi/bootstrap.js";
import { networks } from "../../abi/networks.js";
import { NodeSilent } from "../../lifecycle/errors.js";
import { answered } from "../../lifecycle/node.js";
import { FleetError } from "../../schema/errors.js";
import type { Network } from "../../schema/network.js";
import { chainOf } from "../context.js";
import type { KeyReference } from "../worker-reference.js";

/** A worker that is to be given up, as errors and messages name it. */
export interface Leaving {
  readonly name: string;
  readonly network: Network;
  readonly store: { readonly url: string };
  readonly ref: KeyReference["ref"];
}

/** LF1512: the chain cannot be asked, so the worker cannot leave and nothing of it is given up. */
export class ChainSilent extends FleetError {
  constructor(
    readonly worker: string,
    leaving: Leaving,
    reason: FleetError,
  ) {
    super("LF1512", `Worker ${worker} cannot leave the network, because the chain does not answer. ${reason.summary}`, {
      fix:
        "pulumi destroy again when it answers. To empty the stack without it, keeping the keys and recovering the stake later: " +
        `LIGHTCHAIN_SKIP_DEREGISTER=1 pulumi destroy, and then: ${recoverCommand(leaving)}`,
      cause: reason,
    });
  }
}

/** The command that brings back what is on chain, from the store's own record, for pasting. */
export const recoverCommand = ({ store, ref, network }: Pick<Leaving, "store" | "ref" | "network">): string =>
  `npx fleet recover --store ${quoted(store.url)} --ref ${quoted(ref)} --network ${publicName(network) ?? "<your network.json>"}`;

/** An argument as a shell takes it. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./#-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** The name in the networks table of the network that a worker is on, whatever node it was reached by. */
function publicName({ chainId, contracts }: Network): string | undefined {
  const entries = Object.entries(networks);
  return entries.find(
    ([, known]) => known.chainId === chainId && known.contracts.workerRegistry === contracts.workerRegistry,
  )?.[0];
}

/** Runs what asks the chain at a delete. @throws ChainSilent LF1512 instead of the node's own errors */
export async function askedOfTheChain<T>(leaving: Leaving, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NodeSilent || error instanceof NodeUnreachable)
      throw new ChainSilent(leaving.name, leaving, error);
    throw error;
  }
}

/** Whether the chain answers at this moment. @throws NodeUnreachable LF1212, NodeSilent LF1238 */
export async function askForHead(network: Network): Promise<void> {
  const { client } = await chainOf(network);
  await answered(client.getBlockNumber({ cacheTime: 0 }));
}

/** What a destroy says that gave up a worker without leaving: what is left, and the way to it. */
export const keptUnarchived = (worker: string, leaving: Pick<Leaving, "store" | "ref" | "network">): string =>
  `Worker ${worker} was given up without leaving the network (LIGHTCHAIN_SKIP_DEREGISTER=1): its stake, earnings and gas are still there, ` +
  `and its keys are kept. To bring everything back: ${recoverCommand(leaving)}`;
